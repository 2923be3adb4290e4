/** Runs the command as people do, and reads what it says. */
import { execFile, type ExecFileException } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';

const entry = resolve(import.meta.dirname, '../../bin/tallyho.js');

export interface Said {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export function tallyho(
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<Said> {
  return new Promise((done) => {
    const settings = { cwd: options.cwd, env: { ...process.env, ...options.env }, maxBuffer: 1 << 30 };
    execFile(process.execPath, [entry, ...args], settings, (error: ExecFileException | null, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      done({ code, stdout, stderr });
    });
  });
}

/** Fails with all that was said unless it ended with 0. */
export async function tallyhoJson<T>(args: readonly string[], options?: Parameters<typeof tallyho>[1]): Promise<T> {
  const said = await tallyho([...args, '--json'], options);
  if (said.code !== 0) throw new Error(`tallyho ${args.join(' ')} ended with ${said.code}\n${said.stdout}\n${said.stderr}`);
  return JSON.parse(said.stdout) as T;
}

export interface ChunkJson {
  key: string;
  outcome: string;
  sequence: number | null;
  rows: number;
  quarantined: number;
  detections: number;
  reason: string | null;
  detail: string | null;
}

export interface RejectedJson {
  object: string;
  line: number;
  reason: string;
  raw: string | { base64: string };
  truncated?: boolean;
}

export interface DetectionJson {
  patternId: string;
  action: string;
  entity: Record<string, string>;
  sequence: number;
  chunk: string | null;
  conditions: Record<string, unknown>[];
}

/** Every file below a folder with its bytes, by path: what must be equal between two runs. */
export function readTree(root: string): Map<string, string> {
  const files = new Map<string, string>();
  const walk = (path: string): void => {
    if (!existsSync(join(root, path))) return;
    for (const name of readdirSync(join(root, path)).sort()) {
      const key = path === '' ? name : `${path}/${name}`;
      if (statSync(join(root, key)).isDirectory()) walk(key);
      else files.set(key, readFileSync(join(root, key)).toString('base64'));
    }
  };
  walk('');
  return files;
}
