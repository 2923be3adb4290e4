/**
 * `tallyho.yaml` -> Config, or everything that is wrong with it in one error, each with file, line, column and mend.
 *
 * The order: read and parse (a fault of syntax ends it, what follows would be guesswork), secrets, `${NAME}`, settings,
 * places, patterns.
 */
import { stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import * as v from 'valibot';
import { TallyhoError } from '../core/error.ts';
import { parseObjectsUrl } from '../objects/location.ts';
import { parsePatterns } from '../patterns/parse.ts';
import type { PatternContext } from '../patterns/pattern.ts';
import type { Config, Place, StoreConfig, WeightConfig } from './config.ts';
import { deepFreeze } from './deep-freeze.ts';
import { type Env, fillIn } from './fill-in.ts';
import { configError, type Finding } from './finding.ts';
import { findSecrets } from './inline-secrets.ts';
import { type PatternList, readPatternList } from './pattern-list.ts';
import { readIssues } from './read-issues.ts';
import { configSchema, type Settings } from './schema.ts';
import { isMapping } from './setting.ts';
import { type Path, readYamlFile, type YamlFile } from './yaml-file.ts';

export const defaultFile = 'tallyho.yaml';

/** `path` null: `tallyho.yaml` in the current folder. Throws CONFIG_MISSING, CONFIG_INVALID, CONFIG_ENV, CONFIG_SECRET, UNSUPPORTED, PATTERN_INVALID. */
export async function loadConfig(path: string | null, env: Env): Promise<Config> {
  const file = path ?? defaultFile;
  const yaml = await open(file, path === null);
  const folder = dirname(resolve(file));
  const findings: Finding[] = [...findSecrets(yaml), ...fillIn(yaml, env)];
  const isTold = placesOf(findings);
  const parsed = v.safeParse(configSchema, yaml.toValue());
  if (!parsed.success) findings.push(...readIssues(parsed.issues, yaml).filter((finding) => !isTold(finding)));
  // With faults it has what could be read: enough to look for more.
  const partial = (isMapping(parsed.output) ? parsed.output : {}) as Partial<Settings>;

  const list = 'patterns' in partial ? await readPatternList(partial.patterns, yaml, folder, env) : noPatterns;
  const { patterns, problems } =
    list.sources.length > 0 ? parsePatterns(list.sources, patternContext(partial)) : { patterns: [], problems: [] };
  findings.push(...list.findings, ...problems.map((problem): Finding => ({ ...problem, code: 'PATTERN_INVALID' })));

  const place = (url: unknown, at: Path): Place => {
    const found = typeof url === 'string' && url !== '' ? findPlace(url, folder, yaml, at) : nowhere;
    if (!('code' in found)) return found;
    if (!isTold(found)) findings.push(found);
    return nowhere;
  };
  const source = place(partial.source?.url, ['source', 'url']);
  const sink = place(partial.sink?.url, ['sink', 'url']);
  const weight = readWeight(partial, place);
  if (!parsed.success || findings.length > 0) throw configError(findings);
  const settings = parsed.output;

  const { poll, settle, waitFor, url: _url, ...rest } = settings.source;
  return deepFreeze({
    file,
    folder,
    pipeline: settings.pipeline,
    source: { ...source, ...rest, pollMs: poll, settleMs: settle, waitForMs: waitFor },
    sink: { ...sink, timeZone: settings.sink.timeZone },
    store: readStore(settings, folder),
    engine: settings.engine,
    weight,
    patterns,
    preset: list.preset,
    s3: {
      endpoint: settings.s3.endpoint ?? null,
      region: settings.s3.region ?? null,
      forcePathStyle: settings.s3.forcePathStyle ?? null,
      accessKeyId: settings.s3.accessKeyId ?? null,
      secretAccessKey: settings.s3.secretAccessKey ?? null,
      sessionToken: settings.s3.sessionToken ?? null,
    },
  });
}

async function open(file: string, isDefault: boolean): Promise<YamlFile> {
  try {
    return await readYamlFile(resolve(file), file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EISDIR') {
      throw new TallyhoError('CONFIG_MISSING', `${file} is a folder.`, {
        mend: `Name the file in it: --config ${join(file, defaultFile)}.`,
        cause: error,
      });
    }
    if (code === 'EACCES' || code === 'EPERM') {
      throw new TallyhoError('CONFIG_MISSING', `${file} may not be read by this user.`, {
        mend: 'Give the user the right to read it.',
        cause: error,
      });
    }
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error;
    const message = isDefault ? `There is no ${defaultFile} in ${process.cwd()}.` : `There is no config file ${file}.`;
    const other =
      isDefault && (await isThere('tallyho.yml'))
        ? 'Rename tallyho.yml to tallyho.yaml, or name it: --config tallyho.yml.'
        : 'Write one with `tallyho init`, or name another with --config FILE. `tallyho demo` needs none.';
    throw new TallyhoError('CONFIG_MISSING', message, { mend: other, cause: error });
  }
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

const nowhere: Place = { url: '', location: { kind: 'file', path: '' } };
const noPatterns: PatternList = { preset: null, sources: [], findings: [] };

function patternContext({ source, weight }: Partial<Settings>): PatternContext {
  const columns = isMapping(source?.columns) ? Object.keys(source.columns) : [];
  return { columns, weight: weight === undefined ? 'column' : weight === 'amount' ? 'amount' : 'reference' };
}

/** The place, or what is wrong with it. */
function findPlace(url: string, folder: string, yaml: YamlFile, at: Path): Place | Finding {
  if (url === '~' || url.startsWith('~/')) {
    return yaml.finding(
      'CONFIG_INVALID',
      yaml.valueAt(at),
      `${at.join('.')}: ${url} begins with ~, which only a shell understands.`,
      `Write \${HOME}${url.slice(1)}.`,
    );
  }
  try {
    return { url, location: parseObjectsUrl(url, folder) };
  } catch (error) {
    if (!(error instanceof TallyhoError)) throw error;
    return yaml.finding(error.code, yaml.valueAt(at), `${at.join('.')}: ${error.message}`, error.mend ?? null);
  }
}

function readStore(settings: Settings, folder: string): StoreConfig {
  const { url, keepDeltas, minFree } = settings.store;
  return url === undefined
    ? { kind: 'private', folder: resolve(folder, settings.state), keepDeltas, minFree }
    : { kind: 'url', url, keepDeltas };
}

function readWeight({ weight }: Partial<Settings>, place: (url: unknown, at: Path) => Place): WeightConfig {
  if (weight === undefined) return { kind: 'column' };
  if (!isMapping(weight)) return { kind: 'amount' };
  return { kind: 'reference', file: place(weight.file, ['weight', 'file']), columns: weight.columns };
}

/** Whether something was found at the place of a finding: a variable that is not set, say, is no duration either. */
function placesOf(findings: readonly Finding[]): (finding: Finding) => boolean {
  const name = ({ file, line, column }: Finding): string => `${file}:${line}:${column}`;
  const places = new Set(findings.map(name));
  return (finding) => places.has(name(finding));
}
