/** DuckDB with a table of all rows: after every chunk everything is computed again. The rows are read from CSV once. */
import { appliedChunks, detect, inTransaction, openDuckdb, pairColumns, pairsOf, readCsv } from './duckdb.ts';
import { runPeer } from './peer.ts';

await runPeer(async (state, thresholds) => {
  const duckdb = await openDuckdb(state);
  const { connection } = duckdb;
  await connection.run(
    'create table if not exists transaction (merchant varchar not null, customer varchar not null, gender varchar not null, amount bigint not null)',
  );
  return {
    applied: () => appliedChunks(duckdb),
    apply: ({ name, path }, write) =>
      inTransaction(duckdb, name, async () => {
        await connection.run(`insert into transaction select merchant, customer, gender, (amount * 100)::bigint from ${readCsv(path)}`);
        await connection.run(`create or replace temp table pair ${pairColumns}`);
        await connection.run(`insert into pair ${pairsOf('transaction', 'sum(amount)')}`);
        write(await detect(duckdb, name, 'pair', thresholds));
      }),
    close: () => duckdb.close(),
  };
});
