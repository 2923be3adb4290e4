/** The database, the private server that it may be, and what the pipeline keeps there. Nothing is made or started anew that was not there. */
import { access, constants, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Config, StoreConfig } from '../../config/config.ts';
import { declarePatterns } from '../../pipeline/declare-patterns.ts';
import { isSameSet } from '../../pipeline/pattern-ids.ts';
import { type DatabaseProbe, probeDatabase, type SchemaProbe } from '../../store/postgres/probe.ts';
import { findBinaries } from '../../store/private-server/binaries.ts';
import { freeBytes } from '../../store/private-server/free-bytes.ts';
import { isNetworkDisk } from '../../store/private-server/network-disk.ts';
import { blockedAt } from '../../store/private-server/reach.ts';
import { runAs } from '../../store/private-server/run-as.ts';
import { checkFormat, serverMajor, stateFolderAt } from '../../store/private-server/state-folder.ts';
import { hasState, openReader } from '../open-store.ts';
import { runningText } from '../running-text.ts';
import { withAddress } from '../with-address.ts';
import { counted, grouped, listed, sized } from '../words.ts';
import { type Check, failed, type Finding, joined, ok, warning } from './check.ts';
import type { Clocks } from './clocks.ts';
import { outputCheck } from './output-check.ts';

type PrivateConfig = Extract<StoreConfig, { kind: 'private' }>;

export function storeChecks(config: Config, clocks: Clocks): Check[] {
  const { store } = config;
  const seen: { probe: DatabaseProbe | null } = { probe: null };
  const database: Check = {
    name: 'database',
    needs: store.kind === 'private' ? ['state folder', 'server programs'] : [],
    look: (signal) => lookAtDatabase(config, seen, clocks, signal),
  };
  const rest: Check[] = [
    database,
    { name: 'schema', needs: ['database'], look: () => Promise.resolve(lookAtSchema(config.pipeline, seen.probe?.schema ?? null)) },
    { name: 'pipeline', needs: ['schema'], look: () => lookAtPipeline(config, seen.probe) },
    outputCheck(config, () => isReadable(seen.probe)),
  ];
  if (store.kind === 'url') return rest;
  return [
    { name: 'state folder', look: () => lookAtFolder(store) },
    { name: 'server programs', look: () => lookAtPrograms(store) },
    ...rest,
  ];
}

/** Only a schema of an older release is there and cannot be read. */
function isReadable(probe: DatabaseProbe | null): boolean {
  return probe?.schema.kind !== 'ours' || probe.schema.version >= probe.schema.known;
}

async function lookAtFolder({ folder, minFree }: PrivateConfig): Promise<Finding> {
  const state = stateFolderAt(folder);
  const user = await runAs(state);
  const blocked = await blockedAt(folder, user);
  if (blocked !== undefined)
    return failed(
      `PostgreSQL does not run as root, and the user that it runs as instead (uid ${user?.uid}) cannot pass ${blocked} on the way to ${folder}`,
      'Put into the config: `state: /var/lib/tallyho/NAME`.',
    );
  const made = await hasState(folder);
  await checkFormat(state);
  const at = await nearest(folder);
  const may = await access(at, constants.W_OK | constants.X_OK).then(
    () => true,
    () => false,
  );
  if (!may) return failed(`this user may not write in ${at}`, 'Run as the user who made this state, or give another folder as `state`.');
  const free = freeBytes(folder);
  const found = [made ? ok(`${folder} holds the state`) : ok(`${folder} holds no state yet: the first run makes it`)];
  if (minFree > 0 && free < minFree)
    found.push(
      failed(
        `its disk has ${sized(free)} left, less than minFree (${sized(minFree)}), so a detector stops`,
        'Make room there, or set store.minFree lower.',
      ),
    );
  else if (minFree > 0 && free < 4 * minFree)
    found.push(warning(`its disk has ${sized(free)} left; below ${sized(minFree)} (minFree) a detector stops`, 'Make room there.'));
  else found.push(ok(`${sized(free)} free`));
  if (await isNetworkDisk(at))
    found.push(
      warning('it lies on a network disk, where locks may hold on one machine only', 'Use a local disk, or a PostgreSQL as `store.url`.'),
    );
  return joined(found);
}

async function nearest(folder: string): Promise<string> {
  for (let at = folder; ; at = dirname(at)) {
    const there = await stat(at).then(
      () => true,
      () => false,
    );
    if (there || at === dirname(at)) return at;
  }
}

async function lookAtPrograms({ folder }: PrivateConfig): Promise<Finding> {
  const { postgres } = await findBinaries(await runAs(stateFolderAt(folder)));
  return ok(`PostgreSQL ${serverMajor} for ${process.platform} on ${process.arch}: ${dirname(postgres)}`);
}

async function lookAtDatabase(
  config: Config,
  seen: { probe: DatabaseProbe | null },
  clocks: Clocks,
  signal: AbortSignal,
): Promise<Finding> {
  const { store, pipeline } = config;
  if (store.kind === 'private' && !(await hasState(store.folder))) return ok('the private server is made by the first run');
  const probe = await withAddress(store, { signal }, (address) => probeDatabase(address, pipeline, signal));
  seen.probe = probe;
  if (store.kind === 'url') clocks.note('the database', probe.aheadMs);
  const what = `${store.kind === 'private' ? 'the private server answers' : probe.where}: PostgreSQL ${probe.version}, UTF8, user ${probe.user}`;
  const found = [ok(what)];
  if (probe.isStandby) found.push(failed('it is a standby, which takes no writes', 'Name the primary in `store`.'));
  else if (probe.isReadOnly)
    found.push(
      failed(
        'it was made read-only (default_transaction_read_only)',
        "See where: `select setting, source from pg_settings where name = 'default_transaction_read_only'`, and set it to off there.",
      ),
    );
  if (probe.isPooled)
    found.push(
      failed(
        'a pooler in transaction mode is in between, where sessions have no settings and locks of their own',
        'Name the port of PostgreSQL itself in `store`, or a pool in session mode.',
      ),
    );
  return joined(found);
}

function lookAtSchema(pipeline: string, schema: SchemaProbe | null): Finding {
  if (schema === null) return ok('is made by the first run');
  switch (schema.kind) {
    case 'missing':
      return schema.mayCreate
        ? ok(`${pipeline} is not there yet: the first run makes it`)
        : failed(
            `${pipeline} is not there, and this user may not make it`,
            `Grant \`create\` on the database, or make the schema: create schema "${pipeline}" authorization USER.`,
          );
    case 'empty':
      return schema.mayCreate
        ? ok(`${pipeline} is empty: the first run makes its tables`)
        : failed(`${pipeline} is empty, and this user may make no tables in it`, `Grant \`usage, create\` on the schema.`);
    case 'foreign':
      return failed(`${pipeline} is not ours: it holds ${schema.holds}`, 'Give another name in `pipeline`.');
    default:
      return lookAtOurs(pipeline, schema);
  }
}

function lookAtOurs(pipeline: string, { version, known, denied, notOwned }: Extract<SchemaProbe, { kind: 'ours' }>): Finding {
  const found: Finding[] = [];
  if (denied.length > 0)
    found.push(
      failed(
        `this user lacks ${listed(denied.slice(0, 5))}${denied.length > 5 ? ' and more' : ''} in ${pipeline}`,
        'Connect as the user who made the schema.',
      ),
    );
  else if (version > known)
    found.push(failed(`${pipeline} has version ${version}; this release knows ${known}`, 'Use the release that wrote it, or a newer one.'));
  else if (version < known) found.push(ok(`${pipeline} has version ${version}; the next run brings it to ${known}`));
  else found.push(ok(`${pipeline}, version ${version}, all rights`));
  if (notOwned.length > 0)
    found.push(failed(`tables belong to somebody else (${listed(notOwned.slice(0, 3))})`, 'Connect as the user who made the schema.'));
  return joined(found);
}

/** Where the pipeline stands, and whether what is kept fits the patterns. */
async function lookAtPipeline(config: Config, probe: DatabaseProbe | null): Promise<Finding> {
  if (probe === null || probe.schema.kind !== 'ours') return ok('has not run yet');
  if (!isReadable(probe)) return ok('is looked at once the schema is brought up');
  const reader = await openReader(config);
  try {
    const pipeline = (await reader?.pipeline()) ?? null;
    if (pipeline === null || pipeline.basis === null) return ok('has not run yet');
    const { patterns, source, weight } = config;
    const declared = declarePatterns(patterns, { scale: source.scale, weight: weight.kind });
    const holder = (await reader?.holder()) ?? null;
    const stands = ok(`entry ${grouped(pipeline.lastSequence)} is the last; ${runningText(pipeline.held, holder)}`);
    const bound = declared.bind(pipeline.basis.layout);
    if (bound.kind === 'missing')
      return joined([
        stands,
        failed(
          `the patterns need ${counted(bound.missing.length, 'statistic')} that ${bound.missing.length === 1 ? 'is' : 'are'} not kept`,
          'Run `tallyho rebuild`, or take the patterns as they were.',
        ),
      ]);
    if (pipeline.patternSet === null || isSameSet(pipeline.patternSet, declared.set)) return stands;
    return joined([stands, ok('the patterns have changed: the next start evaluates all of it afresh')]);
  } finally {
    await reader?.close();
  }
}
