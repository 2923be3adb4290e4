/**
 * `patterns:` in its three forms -> pattern sources with the place of every part: a preset's name, a list, or the path of a
 * YAML (or JSON) file with a list.
 */
import { resolve } from 'node:path';
import * as v from 'valibot';
import { nearest } from '../patterns/nearest.ts';
import type { PatternSource } from '../patterns/pattern.ts';
import { type PresetName, presetNames, presets } from '../patterns/presets.ts';
import { type Env, fillIn } from './fill-in.ts';
import type { Finding } from './finding.ts';
import { readIssues } from './read-issues.ts';
import { section, setting, text } from './setting.ts';
import { type Path, readYamlFile, type YamlFile } from './yaml-file.ts';

export interface PatternList {
  readonly preset: PresetName | null;
  readonly sources: readonly PatternSource[];
  readonly findings: readonly Finding[];
}

const example = 'Write it like { id: MyPattern, action: CHECK, entity: [merchant, customer], when: [count > 100] }.';

const condition = setting<string>({ type: 'string', description: 'Such as count > 100.' }, (value) => {
  const isMapping = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isMapping
    ? { is: 'is a mapping, not a condition.', mend: `Quote a condition that holds ": ".` }
    : text(value, 'Write a condition such as count > 100.');
});
const name = (description: string, mend: string) =>
  setting<string>({ type: 'string', minLength: 1, description }, (value) => text(value, mend));
/** A list, or one text that stands for a list of one. */
const texts = (item: v.GenericSchema<unknown, string>, description: string, mend: string) =>
  v.pipe(
    v.unknown(),
    v.transform((value): unknown => (typeof value === 'string' ? [value] : value)),
    v.array(item, JSON.stringify({ is: 'is no list.', mend })),
    v.metadata({ schema: { type: 'array', description }, item }),
  );

export const patternSchema = section(
  {
    id: name('Names the pattern for ever.', 'Write id: MyPattern, for example.'),
    action: name('What to do about it: goes into the output.', 'Write action: CHECK, for example.'),
    entity: texts(
      name('A field.', 'Name a field.'),
      'What the pattern speaks about: fields.',
      'Write entity: [merchant, customer], for example.',
    ),
    when: texts(condition, 'Conditions, all of which must hold.', 'Write one condition a line, each after a dash.'),
  },
  'A pattern.',
);

const listSchema = v.array(patternSchema, JSON.stringify({ is: 'is no list of patterns.', mend: example }));

/** `value` is what stands at `patterns` in `yaml`; `folder` is that of the config file. */
export async function readPatternList(value: unknown, yaml: YamlFile, folder: string, env: Env): Promise<PatternList> {
  const fault = (message: string, mend: string): PatternList => ({
    preset: null,
    sources: [],
    findings: [yaml.finding('CONFIG_INVALID', yaml.valueAt(['patterns']), message, mend)],
  });
  if (value === null || value === '')
    return fault('patterns has no value.', 'Write patterns: full, patterns: sample, or a list of your own.');
  if (Array.isArray(value) && value.length === 0)
    return fault('There are no patterns in the list.', 'Write patterns: full, patterns: sample, or a list of your own.');
  if (typeof value !== 'string') return readList(value, yaml, ['patterns']);
  const preset = presetNames.find((candidate) => candidate === value);
  if (preset !== undefined) return { preset, sources: presets[preset], findings: [] };

  const path = resolve(folder, value);
  try {
    const file = await readYamlFile(path, resolve(folder) === process.cwd() ? value : path);
    const unset = fillIn(file, env);
    const list = readList(file.toValue(), file, []);
    return unset.length > 0 ? { ...list, findings: [...unset, ...list.findings] } : list;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'ENOTDIR' && code !== 'EISDIR' && code !== 'EACCES') throw error;
    const near = nearest(value, presetNames);
    const mend = near === null ? 'Write full, sample, a list, or the path of a file with a list.' : `Did you mean "${near}"?`;
    const why = code === 'EACCES' ? 'cannot be read' : code === 'EISDIR' ? 'is a folder' : 'is not there';
    return fault(`patterns: "${value}" is no preset, and as a file it ${why} (${path}).`, mend);
  }
}

function readList(value: unknown, yaml: YamlFile, at: Path): PatternList {
  const parsed = v.safeParse(listSchema, value);
  if (!parsed.success) return { preset: null, sources: [], findings: readIssues(parsed.issues, yaml, at) };
  const sources = parsed.output.map((pattern, index): PatternSource => {
    const origin = (...path: Path) => yaml.origin([...at, index, ...path]);
    return {
      ...pattern,
      at: {
        pattern: origin(),
        id: origin('id'),
        action: origin('action'),
        entity: pattern.entity.map((_, i) => origin('entity', i)),
        when: pattern.when.map((_, i) => origin('when', i)),
      },
    };
  });
  return { preset: null, sources, findings: [] };
}
