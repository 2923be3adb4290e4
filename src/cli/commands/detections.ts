/** `tallyho detections`: what was detected, with its evidence. */
import type { Command } from 'commander';
import type { ConditionEvidence } from '../../core/detection.ts';
import { printable } from '../../objects/key.ts';
import { type AddCommand, type Call, examples } from '../call.ts';
import { conditionText } from '../evidence-text.ts';
import { makeJsonList, say, stdout } from '../output.ts';
import { type JsonFlag, jsonFlag, withReading } from '../reading.ts';
import { makeTable } from '../table.ts';
import { entityText } from '../words.ts';

interface DetectionsFlags extends JsonFlag {
  readonly pattern?: string;
  readonly evidence?: boolean;
}

/** A line of evidence, as it was stored. */
export interface Evidence {
  readonly patternId: string;
  readonly action: string;
  readonly entity: Readonly<Record<string, string>>;
  readonly sequence: number;
  readonly chunk: string | null;
  readonly detectedAt: string;
  readonly conditions: readonly ConditionEvidence[];
}

export const addDetections: AddCommand = (program, callOf) => {
  program
    .command('detections')
    .summary('list the detections')
    .description('Lists the detections in the order in which they were made. --json gives all their evidence.')
    .option('-p, --pattern <id>', 'only those of this pattern')
    .option('-e, --evidence', 'show under each what made it true')
    .option(...jsonFlag)
    .addHelpText(
      'after',
      examples('tallyho detections', 'tallyho detections --pattern PatId3 --evidence', 'tallyho detections --json > detections.json'),
    )
    .action(async (flags: DetectionsFlags, command: Command) => listDetections(flags, callOf(command)));
};

async function listDetections({ pattern, evidence, json }: DetectionsFlags, call: Call): Promise<void> {
  const list = makeJsonList(stdout);
  const table = makeTable([
    { title: 'entry', right: true },
    { title: 'detected at' },
    { title: 'pattern' },
    { title: 'action' },
    { title: 'entity' },
    { title: 'chunk' },
  ]);
  let count = 0;
  await withReading(
    call,
    async ({ reader, config }) => {
      for await (const page of reader.detections(pattern === undefined ? {} : { patternId: pattern })) {
        count += page.length;
        if (json === true) {
          await list.items(page.map((row) => row.evidence));
          continue;
        }
        const detections = page.map((row) => JSON.parse(row.evidence) as Evidence);
        if (evidence === true) await stdout.lines(detections.flatMap(withConditions));
        else if (detections.length > 0) await stdout.lines(table.rows(detections.map(cells)));
      }
      if (count > 0) return;
      const known = pattern === undefined || config.patterns.some(({ id }) => id === pattern);
      say(
        known
          ? 'Nothing was detected yet.'
          : `There are no detections of ${pattern}, and no such pattern: ${config.patterns.map(({ id }) => id).join(', ')}.`,
      );
    },
    async () => undefined,
  );
  if (json === true) await list.end();
}

function cells({ sequence, detectedAt, patternId, action, entity, chunk }: Evidence): readonly (string | number)[] {
  return [
    sequence,
    detectedAt,
    printable(patternId),
    printable(action),
    entityText(entity),
    chunk === null ? '(changed patterns)' : printable(chunk),
  ];
}

function withConditions(detection: Evidence): string[] {
  const { patternId, action, entity, sequence, chunk, detectedAt, conditions } = detection;
  const from = chunk === null ? 'the changed patterns' : printable(chunk);
  return [
    `${printable(patternId)} ${printable(action)}: ${entityText(entity)}; entry ${sequence}, ${from}, ${detectedAt}`,
    ...conditions.map((condition) => `  ${conditionText(condition)}`),
  ];
}
