/**
 * Plain SQL in PostgreSQL 18: COPY into a temporary table, statistics by `on conflict do update`, the patterns evaluated
 * for what was touched. COPY and three prepared statements a chunk, in one transaction.
 *
 * Exact: amounts are cents. Averages are ordered as doubles; the table's checks keep that exact (see duckdb.ts).
 * `percentile_disc(0.1)` takes the member at ceil(0.1 * n), counted from 1, which is floor((n - 1) / 10) from 0: the double
 * 0.1 is off by 2^-54 of itself, too little to make another integer of its product with a multiple of 10.
 *
 * `returning old, new` tells which pairs have their first woman or man, so the statistics of merchants are kept, not
 * counted again. Pages have room left (fillfactor), so that an update needs no new index entry.
 */
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import postgres from 'postgres';
import { type Detection, runPeer } from './peer.ts';

const schema = `
create table if not exists applied (sequence integer generated always as identity, chunk text primary key);
create table if not exists pair (
  merchant text not null,
  customer text not null,
  count integer not null check (count < 1 << 20),
  amount bigint not null check (amount > -(1::bigint << 31) and amount < 1::bigint << 31),
  women integer not null,
  men integer not null,
  primary key (merchant, customer)
) with (fillfactor = 70);
create table if not exists merchant (
  merchant text primary key,
  count bigint not null,
  women integer not null,
  men integer not null,
  touched_by integer not null
) with (fillfactor = 50);
create table if not exists detection (
  pattern text not null,
  merchant text not null,
  customer text not null,
  sequence integer not null,
  primary key (pattern, merchant, customer)
);
create temp table staging (
  step text, customer text, age text, gender text, "zipcodeOri" text,
  merchant text, "zipMerchant" text, category text, amount numeric(18, 2), fraud text
) on commit delete rows;`;

await runPeer(async (url, { busyMerchant, visits, smallAmount, women }) => {
  const client = postgres(url, { max: 1, onnotice: () => undefined });
  await client.unsafe(schema);
  return {
    applied: async () => (await client<{ chunk: string }[]>`select chunk from applied`).map(({ chunk }) => chunk),
    async apply({ name, path }, write) {
      await client.begin(async (sql) => {
        const copy = await sql`copy staging from stdin (format csv, header, quote '''')`.writable();
        await pipeline(createReadStream(path, { highWaterMark: 1 << 18 }), copy);
        const [row] = await sql<{ sequence: number }[]>`insert into applied (chunk) values (${name}) returning sequence`;
        const sequence = row?.sequence ?? 0;
        const simple = await sql<Detection[]>`
          with chunk as (
            select merchant, customer, count(*)::integer as count, (sum(amount) * 100)::bigint as amount,
              (count(*) filter (where gender = 'F'))::integer as women, (count(*) filter (where gender = 'M'))::integer as men
            from staging group by merchant, customer
          ), changed as (
            insert into pair as kept (merchant, customer, count, amount, women, men) select * from chunk
            on conflict (merchant, customer) do update set count = kept.count + excluded.count,
              amount = kept.amount + excluded.amount, women = kept.women + excluded.women, men = kept.men + excluded.men
            returning new.merchant, new.customer, new.count, new.amount, new.count - coalesce(old.count, 0) as added,
              (new.women > 0 and coalesce(old.women, 0) = 0)::integer as women, (new.men > 0 and coalesce(old.men, 0) = 0)::integer as men
          ), touched as (
            insert into merchant as kept (merchant, count, women, men, touched_by)
            select merchant, sum(added), sum(women), sum(men), ${sequence}::integer from changed group by merchant
            on conflict (merchant) do update set count = kept.count + excluded.count, women = kept.women + excluded.women,
              men = kept.men + excluded.men, touched_by = excluded.touched_by
            returning kept.merchant, kept.women, kept.men
          )
          insert into detection (pattern, merchant, customer, sequence)
          select 'PatId2', merchant, customer, ${sequence}::integer from changed
          where count >= ${visits}::integer and amount < ${smallAmount}::bigint * count
          union all
          select 'PatId3', merchant, '', ${sequence}::integer from touched where women > ${women}::integer and women < men
          on conflict do nothing
          returning pattern, merchant, customer`;
        const ranked = await sql<Detection[]>`
          with busy as materialized (
            select merchant, customer, pair.count, pair.amount::float8 / pair.count as mean
            from merchant join pair using (merchant)
            where merchant.touched_by = ${sequence}::integer and merchant.count > ${busyMerchant}::bigint
          ), cut as (
            select merchant, percentile_disc(0.1) within group (order by count desc) as most,
              percentile_disc(0.1) within group (order by mean) as least
            from busy group by merchant
          )
          insert into detection (pattern, merchant, customer, sequence)
          select 'PatId1', merchant, customer, ${sequence}::integer from busy join cut using (merchant) where count >= most and mean <= least
          on conflict do nothing
          returning pattern, merchant, customer`;
        write([...simple, ...ranked]);
        // Autovacuum would do that a minute later; without statistics the cohorts are read by index, three times as slow.
        if (Number.isInteger(Math.log2(sequence))) await sql`analyze pair, merchant`;
      });
    },
    close: () => client.end(),
  };
});
