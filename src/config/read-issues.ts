/** What valibot found -> findings with name, place and mend. */
import type { BaseIssue } from 'valibot';
import { nearest } from '../patterns/nearest.ts';
import type { Finding } from './finding.ts';
import type { SettingFault, UnknownKey } from './setting.ts';
import type { Path, YamlFile } from './yaml-file.ts';

/** What to write where a setting is needed and not there. */
const missing: Readonly<Record<string, { readonly message: string; readonly mend: string }>> = {
  source: { message: 'There is no source: the place where chunks arrive.', mend: 'Write source: ./input/, for example.' },
  'source.url': { message: 'The source has no url.', mend: 'Write url: ./input/, for example.' },
  sink: { message: 'There is no sink: the place where detections go.', mend: 'Write sink: ./output/, for example.' },
  'sink.url': { message: 'The sink has no url.', mend: 'Write url: ./output/, for example.' },
  patterns: { message: 'There are no patterns to look for.', mend: 'Write patterns: full, patterns: sample, or a list of your own.' },
  'weight.file': { message: 'The weight names no file.', mend: 'Write file: ./CustomerImportance.csv, for example.' },
};

/** A long text is cut: the place says where the rest is. */
const shownLength = 60;

/** `under`: the path of what was checked. */
export function readIssues(issues: readonly BaseIssue<unknown>[], yaml: YamlFile, under: Path = []): Finding[] {
  return issues.map((issue) => {
    const path: Path = [...under, ...(issue.path ?? []).map((item) => item.key as string | number)];
    const name = settingName(path);
    if (issue.kind === 'schema' && !issue.message.startsWith('{')) {
      const { message, mend } = missing[name] ?? { message: `${settingName(path.slice(0, -1))} has no ${String(path.at(-1))}.`, mend: '' };
      return yaml.finding('CONFIG_INVALID', yaml.valueAt(path), message, mend === '' ? null : mend);
    }
    const fault = JSON.parse(issue.message) as SettingFault | UnknownKey;
    if ('known' in fault) return unknownKey(path, fault.known, yaml);
    const written = fault.secret === true ? null : yaml.written(path);
    const shown = written === null || written === '' ? '' : ` ${shorten(written)}`;
    const subject = name === '' ? 'The config' : `${name}${shown === '' ? '' : ':'}${shown}`;
    return yaml.finding(
      fault.unsupported === true ? 'UNSUPPORTED' : 'CONFIG_INVALID',
      yaml.valueAt(path),
      `${subject} ${fault.is}`,
      fault.mend,
    );
  });
}

/** `source.csv.quote`, `pattern 2`, `pattern 2, when 1`: people count from 1. */
function settingName(path: Path): string {
  const steps = typeof path[1] === 'number' ? path.slice(1) : path;
  return steps
    .map((step, i) =>
      typeof step !== 'number'
        ? i > 0
          ? `${typeof steps[i - 1] === 'number' ? ', ' : '.'}${step}`
          : step
        : `${i === 0 ? 'pattern' : ''} ${step + 1}`,
    )
    .join('');
}

function unknownKey(path: Path, known: readonly string[], yaml: YamlFile): Finding {
  const name = String(path.at(-1));
  const above = settingName(path.slice(0, -1));
  const near = nearest(name, known);
  const mend = near === null ? `Settings ${above === '' ? 'are' : `of ${above}`}: ${known.join(', ')}.` : `Did you mean "${near}"?`;
  return yaml.finding('CONFIG_INVALID', yaml.keyAt(path), `There is no setting "${name}"${above === '' ? '' : ` in ${above}`}.`, mend);
}

function shorten(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ');
  return line.length <= shownLength ? line : `${line.slice(0, shownLength)}...`;
}
