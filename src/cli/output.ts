/**
 * Data goes to stdout, everything else to stderr.
 *
 * A reader that goes away (`| head`) is no fault: the process ends quietly, since nothing that it has still to say can be
 * heard. Any other failure of stdout ends it as well, with 1. Writing waits while the other side is slow, so lists of any length need bounded memory.
 */
import { once } from 'node:events';

export interface Output {
  readonly isTerminal: boolean;
  /** Width of the terminal; 120 elsewhere. */
  readonly width: number;
  write(text: string): Promise<void>;
  lines(lines: readonly string[]): Promise<void>;
}

function makeOutput(stream: NodeJS.WriteStream): Output {
  async function write(text: string): Promise<void> {
    if (!stream.write(text)) await once(stream, 'drain');
  }
  return {
    isTerminal: stream.isTTY,
    get width() {
      return stream.isTTY ? stream.columns : 120;
    },
    write,
    lines: (lines) => (lines.length === 0 ? Promise.resolve() : write(`${lines.join('\n')}\n`)),
  };
}

export const stdout = makeOutput(process.stdout);
export const stderr = makeOutput(process.stderr);

/** Call it once, before anything is written. */
export function endQuietlyWithoutReader(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit();
    const why = error.code === 'ENOSPC' ? 'no space left' : error.message;
    say(`error: cannot write to stdout: ${why}`);
    process.exit(1);
  });
  // Progress that nobody reads is no reason to stop.
  process.stderr.on('error', () => undefined);
}

/** One line to people; not awaited where it cannot be much. */
export function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** A JSON array, element by element, one a line. */
export interface JsonList {
  items(texts: readonly string[]): Promise<void>;
  end(): Promise<void>;
}

export function makeJsonList(out: Output): JsonList {
  let begun = false;
  return {
    async items(texts) {
      if (texts.length === 0) return;
      await out.write(`${begun ? ',\n' : '['}${texts.join(',\n')}`);
      begun = true;
    },
    end: () => out.write(begun ? ']\n' : '[]\n'),
  };
}
