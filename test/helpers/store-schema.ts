/** A schema as text, the same from every version of the server: what a person reviews when it changes. */
import type { Sql } from 'postgres';

export async function describeSchema(sql: Sql, schema: string): Promise<string> {
  const relations = await sql<{ oid: number; name: string; kind: string; comment: string | null }[]>`
    select c.oid::integer as oid, c.relname as name, case c.relkind when 'v' then 'view' else 'table' end as kind, obj_description(c.oid, 'pg_class') as comment
    from pg_class c where c.relnamespace = ${schema}::regnamespace and c.relkind in ('r', 'v') order by c.relname collate "C"`;
  const parts: string[] = [];
  for (const { oid, name, kind, comment } of relations) {
    const columns = await sql<{ line: string }[]>`
      select a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
        || case when a.attcollation = '"C"'::regcollation then ' collate "C"' else '' end
        || case when a.attnotnull then ' not null' else '' end
        || case when a.attstorage <> t.typstorage then ' storage ' || a.attstorage::text else '' end
        || coalesce(case when a.attgenerated = 's' then ' generated ' else ' default ' end || pg_get_expr(d.adbin, d.adrelid), '')
        || coalesce(' -- ' || col_description(a.attrelid, a.attnum), '') as line
      from pg_attribute a join pg_type t on t.oid = a.atttypid left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
      where a.attrelid = ${oid} and a.attnum > 0 and not a.attisdropped order by a.attnum`;
    const constraints = await sql<{ line: string }[]>`
      select conname || ' ' || pg_get_constraintdef(oid) as line from pg_constraint where conrelid = ${oid} and contype <> 'n' order by conname collate "C"`;
    const indexes = await sql<{ line: string }[]>`
      select pg_get_indexdef(i.indexrelid) as line from pg_index i
      where i.indrelid = ${oid} and not exists (select from pg_constraint c where c.conindid = i.indexrelid and c.conrelid = i.indrelid) order by 1`;
    const own = (lines: readonly { line: string }[]): string[] =>
      lines.map(({ line }) => `  ${line.replaceAll(`${schema}.`, '').replaceAll(/\s+/g, ' ')}`);
    parts.push(
      [`${kind} ${name}${comment === null ? '' : ` -- ${comment}`}`, ...own(columns), ...own(constraints), ...own(indexes)].join('\n'),
    );
  }
  return `${parts.join('\n\n')}\n`;
}
