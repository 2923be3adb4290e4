/** `tallyho explain PATTERN VALUE...`: why a pattern holds for an entity, or why not. */
import type { Command } from 'commander';
import type { Explanation } from '../../core/detector.ts';
import type { PlannedPattern } from '../../core/plan.ts';
import { printable } from '../../objects/key.ts';
import { type AddCommand, type Call, examples } from '../call.ts';
import { foundText } from '../evidence-text.ts';
import { say, stdout } from '../output.ts';
import { type JsonFlag, jsonFlag, type Reading, withReading } from '../reading.ts';
import { entityText } from '../words.ts';
import type { Evidence } from './detections.ts';

export const addExplain: AddCommand = (program, callOf) => {
  program
    .command('explain <pattern> <values...>')
    .summary('why a pattern holds for an entity, or why not')
    .description(
      "Shows each condition of a pattern with the entity's value, the bound, and for ranks how many are better, out of how many,\n" +
        'and the last value that is still in. VALUES are those of the entity, in the order in which the pattern declares them,\nor NAME=VALUE in any order.',
    )
    .option(...jsonFlag)
    .addHelpText(
      'after',
      examples(
        'tallyho explain PatId1 M1823072687 C1093826151',
        'tallyho explain PatId2 customer=C1093826151 merchant=M348934600',
        'tallyho explain PatId3 M677738360 --json',
      ),
    )
    .action(async (pattern: string, values: string[], flags: JsonFlag, command: Command) =>
      explain(pattern, values, flags.json === true, callOf(command)),
    );
};

interface Explained {
  readonly pattern: PlannedPattern;
  readonly entity: Readonly<Record<string, string>>;
  readonly explanation: Explanation;
  readonly detection: Evidence | null;
}

async function explain(id: string, values: readonly string[], json: boolean, call: Call): Promise<void> {
  await withReading(
    call,
    async (reading) => {
      const explained = await explainEntity(reading, id, values);
      await stdout.lines(json ? [explainedJson(explained)] : explainedLines(explained));
    },
    async () => {
      if (json) await stdout.lines(['null']);
    },
  );
}

async function explainEntity({ config, reader, pipeline }: Reading, id: string, given: readonly string[]): Promise<Explained> {
  const [{ choosePattern, entityValues }, { makeDetector }] = await Promise.all([
    import('../choose-pattern.ts'),
    import('../../core/make-detector.ts'),
  ]);
  const { plan, index, notes } = choosePattern(id, config, pipeline);
  for (const note of notes) say(note);
  const pattern = plan.patterns[index] as PlannedPattern;
  const values = entityValues(pattern, given);
  const entity = Object.fromEntries(pattern.entity.map((name, i) => [name, values[i] ?? '']));

  const detector = makeDetector(plan);
  await reader.load(detector);
  const explanation = detector.explain(index, values);
  let detection: Evidence | null = null;
  if (explanation.detected) {
    for await (const page of reader.detections({ patternId: id })) {
      for (const row of page) {
        const evidence = JSON.parse(row.evidence) as Evidence;
        if (pattern.entity.every((name, i) => evidence.entity[name] === values[i])) detection = evidence;
      }
    }
  }
  return { pattern, entity, explanation, detection };
}

function explainedJson({ pattern, entity, explanation, detection }: Explained): string {
  const { known, detected, holds, conditions } = explanation;
  return JSON.stringify({
    patternId: pattern.id,
    action: pattern.action,
    entity,
    known,
    holds,
    detected,
    sequence: detection?.sequence ?? null,
    chunk: detection?.chunk ?? null,
    conditions: conditions.map(({ text, holds, evidence, why }) => ({
      when: text,
      holds,
      ...(evidence === null ? { value: null } : evidence),
      why,
    })),
  });
}

function explainedLines({ pattern, entity, explanation, detection }: Explained): string[] {
  const { known, detected, holds, conditions } = explanation;
  const lines = [`${printable(pattern.id)} ${printable(pattern.action)}: ${entityText(entity)}`];
  if (!known) {
    lines.push('  No transaction that is counted names this entity, so nothing holds for it.');
    return lines;
  }
  const width = Math.max(...conditions.map(({ text }) => text.length));
  for (const { text, holds, evidence, why } of conditions) {
    lines.push(`  ${holds ? 'holds' : 'fails'}  ${text.padEnd(width)}  ${evidence === null ? why : foundText(evidence)}`);
  }
  const failing = conditions.filter((condition) => !condition.holds).length;
  const now = holds
    ? 'All conditions hold now'
    : failing === 1
      ? 'One condition does not hold now'
      : `${failing} conditions do not hold now`;
  if (detection !== null) {
    const where = detection.chunk === null ? 'under changed patterns' : `with ${printable(detection.chunk)}`;
    lines.push(`${now}. It was detected ${where}, entry ${detection.sequence}, ${detection.detectedAt}.`);
  } else {
    lines.push(`${now}. ${detected ? 'It was detected before.' : 'It was not detected.'}`);
  }
  return lines;
}
