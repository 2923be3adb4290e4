import { expect, test } from 'vitest';
import { Phases } from '../../src/cli/profile/phases.ts';
import { profileText } from '../../src/cli/profile/profile.ts';
import { partOf } from '../../src/cli/profile/sampler.ts';

test('a phase lasts while at least one of its acts is under way', async () => {
  let now = 10;
  const phases = new Phases(() => now);
  const first = phases.begin('read');
  now = 14;
  const second = phases.begin('read');
  now = 20;
  first(100);
  now = 25;
  second(1);
  now = 40;
  await phases.during('commit', async () => void (now = 43));
  phases.begin('fold');
  now = 50;
  expect(phases.all()).toEqual([
    { name: 'read', firstAtMs: 10, wallMs: 15, count: 2, bytes: 101 },
    { name: 'commit', firstAtMs: 40, wallMs: 3, count: 1, bytes: 0 },
    { name: 'fold', firstAtMs: 43, wallMs: 7, count: 1, bytes: 0 },
  ]);
});

test('an act that fails, or whose items nobody takes to the end, is over as well', async () => {
  let now = 0;
  const phases = new Phases(() => now);
  const failed = phases.during('commit', async () => {
    now = 5;
    throw new Error('no');
  });
  await expect(failed).rejects.toThrow('no');
  const items = phases.through(
    'list',
    (async function* () {
      yield 'a';
      yield 'b';
    })(),
  );
  for await (const _ of items) {
    now = 9;
    break;
  }
  now = 100;
  expect(phases.all().map(({ name, wallMs }) => [name, wallMs])).toEqual([
    ['commit', 5],
    ['list', 4],
  ]);
});

test.each([
  ['', '(idle)', 'idle'],
  ['', '(garbage collector)', 'garbage collector'],
  ['', 'writev', 'Node: native'],
  ['node:internal/modules/cjs/loader', 'load', 'Node: loading'],
  ['node:net', 'connect', 'Node: JavaScript'],
  ['file:///home/a/src/tallyho/src/reader/csv-part.ts', 'write', 'read: bytes to deltas'],
  ['file:///x/dist/core/state.js', 'step', 'step: statistics, ranks, patterns'],
  ['file:///x/dist/core/delta-codec.js', 'encode', 'commit: encode deltas'],
  ['file:///x/dist/store/postgres/fold.js', 'fold', 'fold'],
  ['file:///x/dist/store/postgres/commit.js', 'commit', 'store: commit, load, server'],
  ['file:///x/node_modules/postgres/src/index.js', 'send', 'store: client of PostgreSQL'],
  ['file:///x/node_modules/@a/b/index.js', 'f', 'package @a/b'],
])('%s %s is of the part %s', (url, functionName, part) => {
  expect(partOf({ url, functionName, scriptId: '1', lineNumber: 0, columnNumber: 0 }, null)).toBe(part);
});

test('in the bundle the source map says of which part a function is', () => {
  const map = { findEntry: () => ({ originalSource: '../../src/sink/evidence.ts' }) as never };
  const frame = { url: '/x/dist/bundle/main.code.js', functionName: 'f', scriptId: '1', lineNumber: 3, columnNumber: 4 };
  expect(partOf(frame, map)).toBe('publish: render files');
});

test('says what was measured, and how it adds up', () => {
  const phases = [{ name: 'commit', wallMs: 250, firstAtMs: 100, count: 3, bytes: 2_500_000 }];
  const sampled = { parts: [{ name: 'fold', ms: 50 }], idleMs: 400 };
  const text = profileText({ wallMs: 1000, cpuMs: 700, maxBytes: 1e8 }, { wallMs: 90, cpuMs: 80 }, phases, sampled).join('\n');
  expect(text).toContain('wall 1,000 ms; CPU of this process 700 ms');
  expect(text).toMatch(/^commit +250 ms +25% +100 ms +3 +2\.5 MB$/m);
  expect(text).toMatch(/^fold +50 ms +5%$/m);
  expect(text).toMatch(/^waiting \(idle\) +400 ms +40%$/m);
  expect(profileText({ wallMs: 1, cpuMs: 1, maxBytes: 1 }, { wallMs: 1, cpuMs: 1 }, [], null).join('\n')).toContain('no inspector');
});
