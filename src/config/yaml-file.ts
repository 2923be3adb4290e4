/**
 * A YAML file of ours: read within limits, every value with its place (PROTOCOL.md 7: at most 1 MiB and 100 aliases).
 *
 * A place is asked for by path (`['source', 'poll']`). Where the path leads to nothing (a setting that is missing, a plain
 * string that stands for its `url`) the place is that of the nearest thing above it.
 */
import { readFile, stat } from 'node:fs/promises';
import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  type Scalar,
  visit,
  type YAMLError,
} from 'yaml';
import type { Origin } from '../patterns/problem.ts';
import { configError, type Finding } from './finding.ts';

export type Path = readonly (string | number)[];

export interface YamlFile {
  /** As messages name it. */
  readonly file: string;
  readonly document: Document;
  /** All scalars that are values, not keys. */
  readonly scalars: readonly Scalar[];
  /** Plain values; call it after the scalars were filled in. */
  toValue(): unknown;
  /** null where the path leads to nothing stands for the beginning of the file. */
  finding(code: Finding['code'], node: Node | null, message: string, suggestion: string | null): Finding;
  /** The value at the end of the path, or the nearest thing above it. */
  valueAt(path: Path): Node | null;
  /** The name of the setting at the end of the path, or the nearest thing above it. */
  keyAt(path: Path): Node | null;
  /** Place and raw text of a value. */
  origin(path: Path): Origin;
  /** The value as it stands in the file, before anything was filled in; null unless it is a scalar. */
  written(path: Path): string | null;
}

export const largestFile = 2 ** 20;
export const mostAliases = 100;
/** Far more than any setting needs, and far less than overflows a stack. */
const deepest = 200;

/** `path` is opened, `file` is its name in messages. Throws whatever reading throws, and CONFIG_INVALID for its content. */
export async function readYamlFile(path: string, file: string): Promise<YamlFile> {
  const start = { code: 'CONFIG_INVALID', file, line: 1, column: 1 } as const;
  const { size } = await stat(path);
  const tooLarge = { ...start, message: 'The file is larger than 1 MiB.', suggestion: 'Is it the right one?' };
  if (size > largestFile) throw configError([tooLarge]);
  const bytes = await readFile(path);
  if (bytes.length > largestFile) throw configError([tooLarge]);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw configError([{ ...start, message: 'The file is not UTF-8 text.', suggestion: 'Save it as UTF-8.' }]);
  }
  return parseYaml(text, file);
}

export function parseYaml(text: string, file: string): YamlFile {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });

  function at(offset: number): { readonly file: string; readonly line: number; readonly column: number } {
    const { line, col } = lines.linePos(offset);
    return { file, line, column: col };
  }
  const faults = [...document.errors, ...document.warnings];
  if (faults.length > 0) {
    // What follows the first fault of syntax is mostly its consequence; keys written twice stand each for itself.
    const twice = faults.filter((fault) => fault.code === 'DUPLICATE_KEY');
    const told = faults[0]?.code === 'DUPLICATE_KEY' ? twice : faults.slice(0, 1);
    throw configError(told.map((fault) => ({ code: 'CONFIG_INVALID', ...at(fault.pos[0]), ...explain(fault, text) })));
  }

  const scalars: Scalar[] = [];
  const findings: Finding[] = [];
  const invalid = (node: Node, message: string, suggestion: string): void => {
    findings.push({ code: 'CONFIG_INVALID', ...at(node.range?.[0] ?? 0), message, suggestion });
  };
  let aliases = 0;
  visit(document, {
    Collection(_, node, path) {
      if (path.length <= deepest) return undefined;
      throw configError([{ code: 'CONFIG_INVALID', ...at(node.range?.[0] ?? 0), ...tooDeep }]);
    },
    Alias(_, node) {
      aliases++;
      if (node.resolve(document) === undefined)
        invalid(node, `Nothing is marked &${node.source}.`, `Mark it above, or quote '*${node.source}' if it is text.`);
    },
    Scalar(key, node) {
      if (key !== 'key') scalars.push(node);
      else if (['__proto__', 'constructor', 'prototype'].includes(String(node.value)))
        invalid(node, `There is no setting "${String(node.value)}".`, 'Take it out.');
    },
  });
  if (aliases > mostAliases)
    throw configError([
      {
        code: 'CONFIG_INVALID',
        ...at(0),
        message: `The file has ${aliases} aliases (*name); at most ${mostAliases} are allowed.`,
        suggestion: 'Write the values out.',
      },
    ]);
  if (findings.length > 0) throw configError(findings);

  function target(node: unknown): Node | null {
    if (isAlias(node)) return node.resolve(document) ?? null;
    return isNode(node) ? node : null;
  }
  /** The key and the value at the end of the path; whatever is not there is null. */
  function find(path: Path): { readonly key: Node | null; readonly value: Node | null; readonly above: Node | null } {
    let key: Node | null = null;
    let value: Node | null = document.contents;
    let above: Node | null = value;
    for (const step of path) {
      const inside: Node | null = target(value);
      if (inside !== null) above = value;
      key = null;
      value = null;
      if (isMap(inside)) {
        const pair = inside.items.find((item) => isPair(item) && isScalar(item.key) && String(item.key.value) === String(step));
        key = isNode(pair?.key) ? pair.key : null;
        value = isNode(pair?.value) ? pair.value : null;
        if (key !== null) above = key;
      } else if (isSeq(inside)) {
        const item = inside.items[Number(step)];
        value = isNode(item) ? item : null;
      }
    }
    return { key, value, above };
  }
  const raw = (node: Node | null): string | null => (isScalar(node) && node.range ? text.slice(node.range[0], node.range[1]) : null);

  return {
    file,
    document,
    scalars,
    toValue() {
      try {
        // It counts what is marked as well.
        return document.toJS({ maxAliasCount: mostAliases + 1 }) as unknown;
      } catch (error) {
        if (!(error instanceof ReferenceError)) throw error;
        throw configError([
          {
            code: 'CONFIG_INVALID',
            ...at(0),
            message: 'The aliases (*name) of the file multiply beyond measure.',
            suggestion: 'Write the values out.',
          },
        ]);
      }
    },
    finding: (code, node, message, suggestion) => ({ code, ...at(node?.range?.[0] ?? 0), message, suggestion }),
    valueAt(path) {
      const { value, key, above } = find(path);
      return value ?? key ?? above;
    },
    keyAt(path) {
      const { key, above } = find(path);
      return key ?? above;
    },
    origin(path) {
      const { value, key, above } = find(path);
      const text = raw(value);
      const place = at((value ?? key ?? above)?.range?.[0] ?? 0);
      return { ...place, ...(text === null ? {} : { raw: text }) };
    },
    written: (path) => raw(find(path).value),
  };
}

const tooDeep = { message: 'The values here are nested too deeply.', suggestion: 'Is a bracket never closed?' } as const;

function explain(fault: YAMLError, text: string): { readonly message: string; readonly suggestion: string | null } {
  // The parser tells an overflow of its stack as a fault of syntax.
  if (fault.message.startsWith('Maximum call stack')) return tooDeep;
  switch (fault.code) {
    case 'DUPLICATE_KEY': {
      const key = /^[^\s:]+/.exec(text.slice(fault.pos[0]))?.[0] ?? '';
      return { message: `"${key}" is written twice in one place.`, suggestion: 'Keep one of them.' };
    }
    case 'TAB_AS_INDENT':
      return { message: 'A tab indents this line.', suggestion: 'YAML wants spaces.' };
    case 'MULTIPLE_DOCS':
      return { message: 'A second document begins here (---).', suggestion: 'Keep one document a file.' };
    case 'BLOCK_AS_IMPLICIT_KEY':
    case 'MULTILINE_IMPLICIT_KEY':
      return { message: 'What follows this value cannot belong to it.', suggestion: 'Mind the indentation; quote a text that holds ": ".' };
    case 'BAD_SCALAR_START':
      return { message: `${fault.message}.`, suggestion: 'Quote the text.' };
    default:
      return { message: `This is not YAML: ${fault.message}.`, suggestion: null };
  }
}
