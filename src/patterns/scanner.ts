/**
 * Reads the words and signs of a condition, left to right.
 *
 * The parser says what it expects, because a point means two things: `merchant.count` is a group and its measure, but
 * the text `es.tech` is one word. White space (line breaks too) separates and means nothing else.
 */
import type { Fault } from './problem.ts';

/** Leaves the parser at the first fault of a condition; caught by `parseCondition`. */
export class SyntaxFault extends Error implements Fault {
  readonly at: number;
  readonly suggestion: string | null;

  constructor(message: string, at: number, suggestion: string | null = null) {
    super(message);
    this.name = 'SyntaxFault';
    this.at = at;
    this.suggestion = suggestion;
  }
}

// Letters, digits, _ and -, and all beyond ASCII but white space, comparison signs and typographic quotes.
const wordCharacter = '(?:[A-Za-z0-9_-]|[^\\x00-\\x7F\\s\u2260\u2264\u2265\u2018\u2019\u201C\u201D])';
const nameWord = new RegExp(`${wordCharacter}+`, 'y');
const textWord = new RegExp(`(?:${wordCharacter}|\\.)+`, 'y');
const wholeText = new RegExp(`^(?:${wordCharacter}|\\.)+$`);
const wholeName = new RegExp(`^${wordCharacter}+$`);
const numberWord = new RegExp(`[+]?(?:${wordCharacter}|\\.)+`, 'y');
const operatorSigns = /[<>=!~\u2260\u2264\u2265]+/y;
const quoted = /'((?:[^']|'')*)'/y;

/** Whether a text can stand without quotes. */
export function isTextWord(text: string): boolean {
  return wholeText.test(text);
}

/** Whether the name of a field can stand without quotes. */
export function isNameWord(text: string): boolean {
  return wholeName.test(text);
}

/** What may be named, for suggestions only. */
export interface Names {
  /** The fields of the entity. */
  readonly groups: readonly string[];
  readonly fields: readonly string[];
}

export class Scanner {
  readonly text: string;
  readonly names: Names;
  private offset = 0;

  constructor(text: string, names: Names = { groups: [], fields: [] }) {
    this.text = text;
    this.names = names;
    this.skip();
  }

  /** Offset of the next sign. */
  get at(): number {
    return this.offset;
  }

  /** All that is not taken yet. */
  get rest(): string {
    return this.text.slice(this.offset);
  }

  get atEnd(): boolean {
    return this.offset >= this.text.length;
  }

  /** The next sign for a message: a whole word, a quoted text, or one character. */
  get shown(): string {
    if (this.atEnd) return 'the end';
    const word = this.match(quoted) ?? this.match(numberWord) ?? this.match(operatorSigns);
    return `"${word?.[0] ?? String.fromCodePoint(this.text.codePointAt(this.offset) ?? 0)}"`;
  }

  peek(sign: string): boolean {
    return this.text.startsWith(sign, this.offset);
  }

  /** Takes the sign if it is next. */
  take(sign: string): boolean {
    if (!this.peek(sign)) return false;
    this.advance(sign.length);
    return true;
  }

  expect(sign: string, where: string): void {
    if (!this.take(sign)) throw new SyntaxFault(`Expected "${sign}" ${where}, not ${this.shown}.`, this.at);
  }

  /** The word that is next, if any: letters, digits, _, -, beyond ASCII. Nothing is taken. */
  peekName(): string | null {
    return this.match(nameWord)?.[0] ?? null;
  }

  takeKeyword(keyword: string): boolean {
    if (this.peekName() !== keyword) return false;
    this.advance(keyword.length);
    return true;
  }

  /** The name of a field: a word without points, or any text in quotes. */
  takeName(): string | null {
    return this.takeWord(nameWord);
  }

  /** A text: a word (points included), or any text in quotes. */
  takeText(): string | null {
    return this.takeWord(textWord);
  }

  /** What stands where a number is expected, unchecked; null if it does not begin like one. */
  takeNumber(): string | null {
    const word = this.match(numberWord)?.[0] ?? null;
    if (word === null || !/^[+-]?\.?[0-9]/.test(word)) return null;
    this.offset += word.length;
    // A percent sign must follow at once, so white space is left to the caller.
    return word;
  }

  /** Skips white space, as `takeNumber` leaves it; says whether there was any. */
  skip(): boolean {
    const start = this.offset;
    while (this.offset < this.text.length && /\s/.test(this.text[this.offset] ?? '')) this.offset++;
    return this.offset > start;
  }

  /** A run of comparison signs, whether or not it is a comparison. */
  takeOperator(): string | null {
    const found = this.match(operatorSigns)?.[0] ?? null;
    if (found !== null) this.advance(found.length);
    return found;
  }

  private takeWord(pattern: RegExp): string | null {
    if (this.peek("'")) {
      const found = this.match(quoted);
      if (found === null)
        throw new SyntaxFault('A quote is opened and not closed.', this.at, "A quote inside of a text is doubled: 'it''s'.");
      this.advance(found[0].length);
      return (found[1] ?? '').replaceAll("''", "'");
    }
    if (/["\u2018\u2019\u201C\u201D`]/.test(this.text[this.offset] ?? '')) {
      throw new SyntaxFault(`Texts are quoted with ', not with ${this.text[this.offset]}.`, this.at, "Write 'text'.");
    }
    const found = this.match(pattern)?.[0] ?? null;
    if (found !== null) this.advance(found.length);
    return found;
  }

  private match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.offset;
    return pattern.exec(this.text);
  }

  private advance(length: number): void {
    this.offset += length;
    this.skip();
  }
}
