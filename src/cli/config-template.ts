/** The `tallyho.yaml` that `init` and `demo` write: few settings in force, the others told in comments. */
import { relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';

export interface TemplateValues {
  readonly pipeline: string;
  readonly source: string;
  readonly sink: string;
  readonly patterns: string;
  /** null: the default, .tallyho/ beside the file. */
  readonly state: string | null;
  /** A feeder of ours writes whole files only, so they need not settle. */
  readonly settle: string | null;
  readonly poll: string | null;
  readonly timeZone: string;
  /** Where editors find the JSON Schema, seen from the file. */
  readonly schema: string;
}

/** A scalar of YAML, quoted where it must be. */
function scalar(text: string): string {
  return stringify(text, { lineWidth: 0 }).trim();
}

/** A setting that is in force, or its default as a comment. */
function setting(name: string, value: string | null, byDefault: string): string {
  return value === null ? `# ${name}: ${byDefault}` : `${name}: ${scalar(value)}`;
}

export function configTemplate(values: TemplateValues): string {
  const { pipeline, source, sink, patterns, state, settle, poll, timeZone, schema } = values;
  return `# yaml-language-server: $schema=${schema}
# Relative paths count from the folder of this file. \${NAME} takes a value from the environment: never write secrets here.

# Names the schema in PostgreSQL.
pipeline: ${scalar(pipeline)}

# Where chunks arrive: NAME.csv, NAME.csv.gz, NAME.parquet, or folders of these with a _SUCCESS marker.
source:
  url: ${scalar(source)}
  ${setting('poll', poll, '1s                     # pause between two looks')}
  ${setting('settle', settle, '1s                   # how long a file must be left alone before it is read')}
  # columns: { customer: cust_id } # our name -> its header, where they differ; any other name becomes a field
  # csv: { delimiter: ",", quote: auto }
  # scale: 2                     # digits after the point of amounts
  # maxBadRows: 50%              # a larger share of bad rows quarantines the chunk
  # onBadChunk: skip             # or halt: stop at a chunk that cannot be read
  # onDuplicate: skip            # or apply: count the same bytes under another name again
  # onChanged: report            # or correct: an applied chunk comes back with other bytes, which count instead of the old ones
  # maxChunkBytes: 8GiB          # after unpacking

# Where detections go: a folder for each chunk that has some.
sink:
  url: ${scalar(sink)}
  timeZone: ${scalar(timeZone)}

# Where the statistics are kept. Without a store, Tallyho starts a PostgreSQL of its own in the folder "state".
# store: \${DATABASE_URL}         # or a PostgreSQL of yours, 14 or newer
${setting('state', state, '.tallyho/')}

# Where avg(weight) takes its weights from: the amount, or a file of its own. Leave it out where chunks have a column "weight".
weight: amount
# weight: { file: ./CustomerImportance.csv, columns: { customer: Source, merchant: Target, weight: Weight } }

# What to look for: full, sample (the same for some 1,000 rows), the path of a file with a list, or a list:
patterns: ${scalar(patterns)}
# patterns:
#   - id: BigSpender             # names the pattern for ever
#     action: CALL
#     entity: [customer]         # what it speaks about
#     when:                      # all must hold
#       - count >= 20
#       - sum(amount) in top 1% of all
#       - sum(amount where category = es_travel) > 20% of sum(amount)
`;
}

/** The schema that comes with this program, seen from a folder. */
export function schemaFrom(folder: string): string {
  return relative(folder, fileURLToPath(new URL('../config/tallyho.schema.json', import.meta.url)))
    .split(sep)
    .join('/');
}
