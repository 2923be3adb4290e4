import { describe, expect, test } from 'vitest';
import { decideFolder } from '../../src/objects/discovery/decide-folder.ts';
import type { ObjectInfo } from '../../src/objects/objects.ts';

const hour = 3_600_000;
const now = 10 * hour;

interface Folder {
  readonly data?: readonly string[];
  /** Name -> its age in ms, and what a committed one holds: JSON, or text. */
  readonly markers?: Readonly<Record<string, readonly [age: number, content?: unknown]>>;
}

function decide({ data = [], markers = {} }: Folder) {
  const object = (name: string, age: number): ObjectInfo => ({ key: `a/x.csv/${name}`, size: 1, version: '1', modified: now - age });
  const files = {
    data: data.map((name) => object(name, hour)),
    markers: Object.entries(markers).map(([name, [age]]) => object(name, age)),
  };
  const contents = new Map<string, Uint8Array | null>();
  for (const [name, [, content]] of Object.entries(markers)) {
    if (!name.startsWith('_committed_')) continue;
    const text = typeof content === 'string' ? content : JSON.stringify(content);
    contents.set(name, content === null ? null : content instanceof Uint8Array ? content : Buffer.from(text));
  }
  const { parts, state, ignored } = decideFolder(files, contents, { now, waitFor: hour });
  const names = (objects: readonly ObjectInfo[]) => objects.map(({ key }) => key.slice('a/x.csv/'.length));
  return { parts: names(parts), state, ...(ignored.length === 0 ? {} : { ignored: names(ignored) }) };
}

const ready = (...parts: string[]) => ({ parts, state: { kind: 'ready' } });
const noted = (note: string, ...parts: string[]) => ({ parts, state: { kind: 'ready', note } });
const waiting = (why: string) => ({ parts: [], state: { kind: 'waiting', why } });
const parts = ['p0.csv', 'p1.csv'];
const both = { added: parts, removed: [] };

describe('PROTOCOL 2.3: without committed markers _SUCCESS decides', () => {
  const rows: [string, Folder, unknown][] = [
    ['none', { data: parts }, waiting('it has no _SUCCESS yet (2 parts are there)')],
    ['_SUCCESS', { data: parts, markers: { _SUCCESS: [1] } }, ready(...parts)],
    ['_SUCCESS and no data', { markers: { _SUCCESS: [1] } }, ready()],
    [
      'a started write and no _SUCCESS',
      { data: parts, markers: { _started_7: [9 * hour] } },
      waiting('_started_7 is not answered by a _committed_ yet (2 parts are there)'),
    ],
    ['a started write beside _SUCCESS is of no account', { data: parts, markers: { _SUCCESS: [2], _started_7: [1] } }, ready(...parts)],
    [
      'parts in natural order',
      { data: ['part-0.csv', 'part-1.csv', 'part-10.csv', 'part-11.csv.gz', 'part-2.csv', 'part-9.parquet'], markers: { _SUCCESS: [1] } },
      ready('part-0.csv', 'part-1.csv', 'part-2.csv', 'part-9.parquet', 'part-10.csv', 'part-11.csv.gz'),
    ],
  ];
  test.each(rows)('%s', (_, folder, expected) => expect(decide(folder)).toEqual(expected));
});

describe('PROTOCOL 2.3: committed markers decide where there are any', () => {
  const rows: [string, Folder, unknown][] = [
    ['its parts', { data: parts, markers: { _committed_1: [5, both] } }, ready(...parts)],
    [
      'no _SUCCESS is needed, and one changes nothing',
      { data: parts, markers: { _SUCCESS: [1], _committed_1: [5, both] } },
      ready(...parts),
    ],
    [
      'other data is ignored',
      { data: [...parts, 'p2.csv'], markers: { _committed_1: [5, both] } },
      { ...ready(...parts), ignored: ['p2.csv'] },
    ],
    ['a commit of nothing', { data: parts, markers: { _committed_1: [5, { added: [], removed: [] }] } }, { ...ready(), ignored: parts }],
    [
      'the union of what was added',
      {
        data: parts,
        markers: { _committed_1: [5, { added: ['p1.csv'], removed: [] }], _committed_2: [4, { added: ['p0.csv', 'p1.csv'], removed: [] }] },
      },
      ready(...parts),
    ],
    [
      'less all that was removed, in whatever order',
      {
        data: ['p0.csv', 'p1.csv', 'p2.csv'],
        markers: { _committed_1: [3, { added: ['p2.csv'], removed: ['p0.csv'] }], _committed_2: [5, both] },
      },
      { ...ready('p1.csv', 'p2.csv'), ignored: ['p0.csv'] },
    ],
    [
      'a removed part need not be there',
      { data: ['p1.csv'], markers: { _committed_1: [5, both], _committed_2: [4, { added: [], removed: ['p0.csv'] }] } },
      ready('p1.csv'),
    ],
    ['`removed` may be left out', { data: parts, markers: { _committed_1: [5, { added: parts }] } }, ready(...parts)],
    [
      'a listed part is missing',
      { data: ['p0.csv'], markers: { _SUCCESS: [1], _committed_1: [5, both] } },
      waiting('"p1.csv", which _committed_1 lists, is not there (1 of 2 parts is there)'),
    ],
    [
      'a listed part in a folder of its own',
      { data: parts, markers: { _committed_1: [5, { added: ['d=1/p.csv'], removed: [] }] } },
      waiting('"d=1/p.csv", which _committed_1 lists, is not there (0 of 1 parts are there)'),
    ],
    ...['../x.csv/p1.csv', './p1.csv', '_d/p1.csv', '../_p1.csv'].map((name): [string, Folder, unknown] => [
      `a listed part with a path: ${name}`,
      { data: parts, markers: { _committed_1: [5, { added: ['p0.csv', name], removed: [] }] } },
      waiting(`"${name}", which _committed_1 lists, is not there (1 of 2 parts is there)`),
    ]),
    [
      'what is listed and no data by its name',
      { data: parts, markers: { _committed_1: [5, { added: [...parts, 'x.json', '_x.csv'], removed: [] }] } },
      ready(...parts),
    ],
    [
      'a vacuum counts as a commit',
      { data: parts, markers: { _committed_1: [5, both], _committed_vacuum9: [4, { added: [], removed: ['old.csv'] }] } },
      ready(...parts),
    ],
  ];
  test.each(rows)('%s', (_, folder, expected) => expect(decide(folder)).toEqual(expected));
});

describe('a committed marker that is broken keeps the folder waiting', () => {
  test.each([
    ['empty', ''],
    ['cut', '{"added":["p0.csv"],"remo'],
    ['gone', null],
    ['not UTF-8', Buffer.from([0x7b, 0xff, 0x7d])],
    ['a list', []],
    ['null', 'null'],
    ['without added', {}],
    ['added is no list', { added: 'p0.csv', removed: [] }],
    ['added holds a number', { added: [1], removed: [] }],
    ['removed is null', { added: parts, removed: null }],
  ])('%s', (_, content) => {
    const expected = waiting('_committed_2 is not (yet) JSON with "added" and "removed"');
    expect(decide({ data: parts, markers: { _SUCCESS: [1], _committed_1: [5, both], _committed_2: [4, content] } })).toEqual(expected);
  });
});

describe('PROTOCOL 2.3: a started write that was not answered', () => {
  const rows: [string, Folder['markers'], unknown][] = [
    ['answered', { _committed_1: [50, both], _started_1: [10] }, ready(...parts)],
    ['older than the newest commit', { _committed_1: [50, both], _started_2: [60] }, ready(...parts)],
    ['as old as the newest commit', { _committed_1: [50, both], _started_2: [50] }, ready(...parts)],
    [
      'newer than the newest commit',
      { _committed_1: [50, both], _started_2: [40] },
      waiting('_started_2 is newer than any _committed_ and not answered'),
    ],
    [
      'newer than one commit, not than the other',
      { _committed_1: [50, both], _committed_3: [30, both], _started_2: [40] },
      ready(...parts),
    ],
    [
      'by a fraction of a millisecond',
      { _committed_1: [50, both], _started_2: [49.75] },
      waiting('_started_2 is newer than any _committed_ and not answered'),
    ],
    [
      'a millisecond before waitFor is over',
      { _committed_1: [2 * hour, both], _started_2: [hour - 1] },
      waiting('_started_2 is newer than any _committed_ and not answered'),
    ],
    [
      'when waitFor is over',
      { _committed_1: [2 * hour, both], _started_2: [hour] },
      noted('_started_2 unanswered for too long, and ignored', ...parts),
    ],
    [
      'two, one of them over waitFor',
      { _committed_1: [3 * hour, both], _started_2: [2 * hour], _started_3: [5] },
      waiting('_started_3 is newer than any _committed_ and not answered'),
    ],
    [
      'two, both over waitFor',
      { _committed_1: [3 * hour, both], _started_2: [2 * hour], _started_3: [hour] },
      noted('_started_2, _started_3 unanswered for too long, and ignored', ...parts),
    ],
    [
      'with the clock behind the store',
      { _committed_1: [50, both], _started_2: [-5 * hour] },
      waiting('_started_2 is newer than any _committed_ and not answered'),
    ],
  ];
  test.each(rows)('%s', (_, markers, expected) => expect(decide({ data: parts, markers: markers! })).toEqual(expected));
});
