/** The ten cases of test/fixtures/cases, through the command: made and checked by evaluators that are not ours. */
import { cpSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { makeTempFolder, removeFolder } from '../helpers/temp-folder.ts';
import { type ChunkJson, type DetectionJson, type RejectedJson, tallyho, tallyhoJson } from '../helpers/tallyho.ts';

const cases = resolve(import.meta.dirname, '../fixtures/cases');

interface Expected {
  key: string;
  outcome: string;
  seq: number | null;
  rows: number;
  rejected: [string, number, string][];
  /** [pattern, merchant, customer] */
  detections: [string, string, string][];
  reason?: string;
}

describe('the ten cases', () => {
  for (const name of readdirSync(cases).filter((file) => file.startsWith('case_'))) {
    test(name, async () => {
      const folder = makeTempFolder(name);
      try {
        cpSync(join(cases, name), folder, { recursive: true, preserveTimestamps: true });
        await run(folder);
        if (existsSync(join(folder, 'late'))) {
          cpSync(join(folder, 'late'), join(folder, 'input'), { recursive: true });
          await run(folder);
        }
        const expected = readFileSync(join(folder, 'expected.jsonl'), 'utf8').split('\n').filter(Boolean);
        expect(await outcome(folder)).toEqual(expected.map((line) => sorted(JSON.parse(line) as Expected)));
      } finally {
        removeFolder(folder);
      }
    });
  }
});

async function run(folder: string): Promise<void> {
  const said = await tallyho(['run', '--once', '--config', join(folder, 'tallyho.yaml')]);
  expect(said.code, said.stderr).toBe(0);
}

async function outcome(folder: string): Promise<Expected[]> {
  const config = ['--config', join(folder, 'tallyho.yaml')];
  const chunks = await tallyhoJson<ChunkJson[]>(['chunks', ...config]);
  const rejected = await tallyhoJson<RejectedJson[]>(['rejected', ...config]);
  const detections = await tallyhoJson<DetectionJson[]>(['detections', ...config]);
  return chunks.map((chunk) => {
    const line: Expected = { key: chunk.key, outcome: chunk.outcome, seq: chunk.sequence, rows: chunk.rows, rejected: [], detections: [] };
    if (chunk.outcome === 'quarantined' && chunk.reason !== null) line.reason = chunk.reason;
    // A changed or copied chunk lists none; keys are unique among the others.
    const own = ({ object }: RejectedJson): boolean => object === chunk.key || object.startsWith(`${chunk.key}/`);
    if (chunk.outcome === 'applied' || chunk.outcome === 'quarantined') {
      line.rejected = rejected.filter(own).map(({ object, line: at, reason }) => [object, at, reason]);
    }
    if (chunk.sequence !== null) {
      line.detections = detections
        .filter(({ sequence }) => sequence === chunk.sequence)
        .map(({ patternId, entity }) => [patternId, entity['merchant'] ?? '', entity['customer'] ?? '']);
    }
    return sorted(line);
  });
}

function sorted(line: Expected): Expected {
  return { ...line, detections: line.detections.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)) };
}
