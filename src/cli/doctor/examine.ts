/** All checks of a config, in the order in which people read them. */
import type { Config } from '../../config/config.ts';
import { clockOf, readEnvironment } from '../../config/environment.ts';
import type { Env } from '../../config/fill-in.ts';
import { loadConfig } from '../../config/load-config.ts';
import { TallyhoError } from '../../core/error.ts';
import { listed } from '../words.ts';
import { type Check, type Finding, findingOf, ok, type Result, runChecks } from './check.ts';
import { makeClocks } from './clocks.ts';
import { machineChecks } from './machine-checks.ts';
import { sinkCheck } from './sink-check.ts';
import { sourceChecks } from './source-checks.ts';
import { storeChecks } from './store-checks.ts';

/** Without a config there is nothing else to look at; what would have been is named, so that nobody takes it for well. */
const others = ['patterns', 'source', 'places', 'sink', 'database', 'clock', 'temporary files', 'engine', 'time zone'];

export async function examine(configFile: string | null, env: Env, on: (result: Result) => Promise<void>): Promise<Result[]> {
  let config: Config | null = null;
  let refused: Finding | null = null;
  try {
    config = await loadConfig(configFile, env);
  } catch (error) {
    if (!(error instanceof TallyhoError)) throw error;
    const finding = findingOf(error);
    refused = { ...finding, mend: finding.mend ?? 'Correct what is named; `tallyho init` writes a config to compare with.' };
  }
  if (config === null || refused !== null) {
    const finding = refused ?? ok('');
    const skipped = others.map((name): Check => ({ name, needs: ['config'], look: () => Promise.resolve(ok('')) }));
    return await runChecks([{ name: 'config', look: () => Promise.resolve(finding) }, ...skipped], on);
  }
  const hide = makeHider(config);
  return await runChecks(checksOf(config, env), (result) => on(hide(result)));
}

function checksOf(config: Config, env: Env): Check[] {
  const { file, pipeline, patterns, preset } = config;
  const environment = readEnvironment(env);
  const clocks = makeClocks(environment.frozenAt === null ? null : clockOf(environment)(), ['source', 'sink', 'database']);
  const ids = patterns.map(({ id, action }) => `${id} ${action}`);
  return [
    { name: 'config', look: () => Promise.resolve(ok(`${file}, pipeline ${pipeline}`)) },
    {
      name: 'patterns',
      look: () =>
        Promise.resolve(
          ok(
            `${preset === null ? '' : `preset ${preset}: `}${listed(ids.slice(0, 10))}${ids.length > 10 ? ` and ${ids.length - 10} more` : ''} (in words: \`tallyho patterns\`)`,
          ),
        ),
    },
    ...sourceChecks(config, clocks),
    sinkCheck(config, clocks),
    ...storeChecks(config, clocks),
    clocks.check,
    ...machineChecks(config),
  ];
}

/** Messages hold no secrets; should one of a foreign hand do so, it is not shown. */
function makeHider({ store, s3 }: Config): (result: Result) => Result {
  const secrets = [s3.secretAccessKey, s3.sessionToken, ...(store.kind === 'url' ? passwordsOf(store.url) : [])].filter(
    (secret): secret is string => secret !== null && secret.length >= 4,
  );
  const hide = (text: string): string => secrets.reduce((hidden, secret) => hidden.replaceAll(secret, '***'), text);
  return (result) => ({ ...result, found: hide(result.found), mend: result.mend === null ? null : hide(result.mend) });
}

/** As it is written, and as it is meant. */
function passwordsOf(url: string): string[] {
  const written = /^[a-z]+:\/\/[^/?#@:]*:([^@]*)@/i.exec(url)?.[1];
  if (written === undefined) return [];
  try {
    return [written, decodeURIComponent(written)];
  } catch {
    return [written];
  }
}
