/** The settings of `tallyho.yaml`: names, forms, defaults (DESIGN.md 9). */
import * as v from 'valibot';
import { nearest } from '../patterns/nearest.ts';
import { checkPipelineName } from '../store/postgres/identifier.ts';
import { boolean, choice, columns, duration, place, plainText, secret, size } from './forms.ts';
import { integer, isMapping, section, setting, text } from './setting.ts';
import { parsePercent } from './units.ts';

const pipelineName = setting<string>(
  { type: 'string', minLength: 1, maxLength: 63, description: 'Names the schema in PostgreSQL.' },
  (value) => {
    const mend = 'Take another name, such as tallyho.';
    const checked = text(value, mend);
    if (!('value' in checked)) return checked;
    if (checked.value === 'public') return { is: 'is the schema of everyone.', mend };
    if (checked.value === 'information_schema' || checked.value === '$user') return { is: 'belongs to PostgreSQL.', mend };
    try {
      checkPipelineName(checked.value);
      return checked;
    } catch {
      return {
        is: 'cannot name a schema of PostgreSQL.',
        mend: 'Take 1 to 63 bytes, without control characters, that do not begin with pg_.',
      };
    }
  },
);

/** Amounts have 18 digits; one of them stands before the point. */
const mostScale = 17;

const delimiter = setting<string>(
  { type: 'string', minLength: 1, description: 'Between fields: one ASCII character, or tab.' },
  (value) => {
    if (value === 'tab') return { value: '\t' };
    if (typeof value === 'string' && /^[\t -~]$/.test(value) && !/["']/.test(value)) return { value };
    return { is: 'cannot be a delimiter.', mend: 'Write one ASCII character that is no quote, or tab: delimiter: ";".' };
  },
);

const percent = setting(
  { type: 'string', pattern: '^\\d{1,3}(\\.\\d{1,6})? ?%$', description: 'A larger share of bad rows quarantines the chunk.' },
  (value) => {
    const mend = 'Write it like 50% or 0.5%.';
    if (typeof value === 'number') return { is: 'has no percent sign.', mend };
    const parsed = typeof value === 'string' ? parsePercent(value) : null;
    return parsed === null ? { is: 'is no percentage from 0% to 100%.', mend } : { value: parsed };
  },
);

const timeZone = setting<string>({ type: 'string', description: 'Of the times in the output, such as Europe/Berlin.' }, (value) => {
  const mend = 'Write a name such as UTC, Europe/Berlin or Asia/Kolkata.';
  const checked = text(value, mend);
  if (!('value' in checked)) return checked;
  // Intl's data cost a short command 10 to 25 ms to load: UTC does without (sink/local-time.ts too).
  if (checked.value === 'UTC') return checked;
  try {
    new Intl.DateTimeFormat('en', { timeZone: checked.value }).format(0);
    return checked;
  } catch {
    const near = nearest(checked.value, ['UTC', ...Intl.supportedValuesOf('timeZone')]);
    return { is: 'is no time zone.', mend: near === null ? mend : `Did you mean "${near}"?` };
  }
});

const storeUrl = setting<string>(
  { type: 'string', description: 'Of a PostgreSQL (14 or newer), without the password: ${DATABASE_URL}.' },
  (value) => {
    const mend = 'Write postgresql://user@host:5432/database, or take it from the environment: ${DATABASE_URL}.';
    const checked = text(value, mend);
    if (!('value' in checked)) return { ...checked, secret: true };
    if (!/^postgres(ql)?:\/\//.test(checked.value)) return { is: 'is no URL of a PostgreSQL database.', mend, secret: true };
    // Several hosts are fine for PostgreSQL and no URL for Node.
    if (!URL.canParse(checked.value.replace(/(:\/\/(?:[^/?#]*@)?[^,/?#]*),[^/?#]*/, '$1'))) {
      return {
        is: 'cannot be read as a URL.',
        mend: 'Write special characters of user and password as %XX (@ is %40, / is %2F, # is %23).',
        secret: true,
      };
    }
    return checked;
  },
);

const endpoint = setting<string>({ type: 'string', description: 'Of a store other than AWS, such as http://127.0.0.1:9000.' }, (value) => {
  const mend = 'Write it like http://127.0.0.1:9000.';
  const checked = text(value, mend);
  if (!('value' in checked)) return checked;
  return /^https?:\/\//.test(checked.value) && URL.canParse(checked.value) ? checked : { is: 'is no http(s) URL.', mend };
});

const engine = setting<'local'>(
  {
    description: 'What reads the chunks.',
    anyOf: [
      { const: 'local' },
      { type: 'object', required: ['spark'], additionalProperties: false, properties: { spark: { type: 'string' } } },
    ],
  },
  (value) => {
    const isSpark = value === 'spark' || (isMapping(value) && 'spark' in value);
    if (isSpark)
      return {
        is: 'cannot be Spark yet: this release reads chunks on this machine.',
        mend: 'Write engine: local, or leave it out.',
        unsupported: true,
        secret: true,
      };
    return value === 'local' ? { value } : { is: 'is not understood.', mend: 'Write engine: local, or leave it out.' };
  },
);

const source = section(
  {
    url: place('Where chunks arrive: a folder, file: or s3://.', './input/'),
    poll: v.optional(duration('Pause between two looks.', 10), '1s'),
    settle: v.optional(duration('Files only: how long one must be left alone before it is read.'), '1s'),
    waitFor: v.optional(duration('How long an unanswered Databricks marker keeps a folder waiting.'), '1h'),
    columns: v.optional(columns('Our name -> its header. Any other name becomes a field.'), {}),
    csv: v.optional(
      section(
        {
          delimiter: v.optional(delimiter, ','),
          quote: v.optional(choice(['auto', '"', "'", 'none'], 'auto: the second line decides.'), 'auto'),
        },
        'How CSV is written.',
      ),
      {},
    ),
    scale: v.optional(
      setting<number>(
        { type: 'integer', minimum: 0, maximum: mostScale, description: 'Digits after the point of amounts and weights.' },
        (value) => {
          const checked = integer(value, 0, mostScale);
          if ('value' in checked || !('value' in integer(value, 0, Number.MAX_SAFE_INTEGER))) return checked;
          return { is: 'leaves no digit before the point: an amount has 18 in all.', mend: `Write a whole number from 0 to ${mostScale}.` };
        },
      ),
      2,
    ),
    maxBadRows: v.optional(percent, '50%'),
    onBadChunk: v.optional(choice(['skip', 'halt'], 'A chunk that cannot be read: go on, or stop.'), 'skip'),
    onDuplicate: v.optional(choice(['skip', 'apply'], 'The same bytes under another name: count them once, or again.'), 'skip'),
    onChanged: v.optional(
      choice(
        ['report', 'correct'],
        'A chunk that was applied comes back with other bytes: tell it, or count these instead of the old ones.',
      ),
      'report',
    ),
    maxChunkBytes: v.optional(size('Largest chunk after unpacking.', 1, 'Write it like 8GiB.'), '8GiB'),
  },
  'Where chunks arrive, and how they are read.',
  'url',
);

const sink = section(
  { url: place('Where detections go: a folder, file: or s3://.', './output/'), timeZone: v.optional(timeZone, 'UTC') },
  'Where detections go.',
  'url',
);

const store = section(
  {
    url: v.optional(storeUrl),
    keepDeltas: v.optional(
      setting<number>({ type: 'integer', minimum: 1, description: 'How many ledger entries keep what they added.' }, (value) =>
        integer(value, 1, 1_000_000_000),
      ),
      10_000,
    ),
    minFree: v.optional(
      size('Private server: stop when the disk has less space. 0 is off.', 0, 'Write it like 256MiB; 0 is off.'),
      '256MiB',
    ),
  },
  'Where the state is kept; by default a PostgreSQL of its own.',
  'url',
);

const reference = section(
  {
    file: place('The reference file.', './CustomerImportance.csv'),
    columns: v.optional(columns('customer, merchant, weight -> headers of the reference file.', ['customer', 'merchant', 'weight']), {}),
  },
  'A file of weights by customer and merchant.',
  'file',
);

const amountOnly = setting<'amount'>({ const: 'amount' }, (value) => {
  if (value === 'amount') return { value };
  const file = 'Write amount, or { file: ./CustomerImportance.csv }; a column named weight needs no setting.';
  const near = typeof value === 'string' ? nearest(value, ['amount']) : null;
  return { is: 'is not understood.', mend: near === null ? file : 'Did you mean "amount"?' };
});

const weight = v.pipe(
  v.lazy((value) => (isMapping(value) ? reference : amountOnly)),
  v.metadata({ anyOf: [amountOnly, reference] }),
);

const s3 = section(
  {
    endpoint: v.optional(endpoint),
    region: v.optional(plainText('Such as us-east-1.', 'Write it like us-east-1.')),
    forcePathStyle: v.optional(boolean('The bucket is named in the path.')),
    accessKeyId: v.optional(secret('From the environment: ${NAME}. Better left to the AWS chain.')),
    secretAccessKey: v.optional(secret('From the environment: ${NAME}.')),
    sessionToken: v.optional(secret('From the environment: ${NAME}.')),
  },
  'How S3 is reached; what is missing comes from the usual AWS variables.',
);

export const configSchema = section(
  {
    pipeline: v.optional(pipelineName, 'tallyho'),
    source,
    sink,
    store: v.optional(store, {}),
    state: v.optional(plainText('Folder of the private PostgreSQL.', 'Name a folder, or leave it out: .tallyho/ is taken.'), '.tallyho/'),
    engine: v.optional(engine, 'local'),
    weight: v.optional(weight),
    patterns: setting<unknown>({}, (value) => ({ value })),
    s3: v.optional(s3, {}),
  },
  'Settings of Tallyho.',
);

export type Settings = v.InferOutput<typeof configSchema>;
