/** DuckDB with a table of pairs that each chunk is merged into; the patterns are evaluated over that table. */
import { appliedChunks, detect, inTransaction, openDuckdb, pairColumns, pairsOf, readCsv } from './duckdb.ts';
import { runPeer } from './peer.ts';

await runPeer(async (state, thresholds) => {
  const duckdb = await openDuckdb(state);
  const { connection } = duckdb;
  await connection.run(`create table if not exists pair ${pairColumns}`);
  return {
    applied: () => appliedChunks(duckdb),
    apply: ({ name, path }, write) =>
      inTransaction(duckdb, name, async () => {
        // A table of its own, so that the planner knows how small it is.
        await connection.run(`create or replace temp table changed as ${pairsOf(readCsv(path), 'sum(amount) * 100')}`);
        await connection.run(`merge into pair using changed using (merchant, customer)
          when matched then update set count = pair.count + changed.count, amount = pair.amount + changed.amount,
            women = pair.women + changed.women, men = pair.men + changed.men
          when not matched then insert`);
        write(await detect(duckdb, name, 'changed', thresholds));
      }),
    close: () => duckdb.close(),
  };
});
