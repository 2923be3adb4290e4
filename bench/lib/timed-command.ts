/**
 * One command as a process, with its wall time, and the CPU time of itself and of the children that it waited for, in
 * ms. Measured by bash's `time`: rusage of what it waits for, without any hook in the process itself.
 */
import { spawn } from 'node:child_process';

export interface Timed {
  readonly code: number;
  readonly wallMs: number;
  readonly cpuMs: number;
  readonly stdout: string;
  readonly stderr: string;
}

const marker = 'bench-time';

export interface Started {
  /** Of bash; the command is its child. */
  readonly pid: number;
  readonly ended: Promise<Timed>;
}

export function startTimed(command: readonly string[], options: { readonly cwd: string; readonly env?: NodeJS.ProcessEnv }): Started {
  const script = `TIMEFORMAT='${marker} %3R %3U %3S'; time "$@"`;
  const child = spawn('bash', ['-c', script, 'bash', ...command], { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const ended = new Promise<Timed>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      const times = new RegExp(`${marker} (\\S+) (\\S+) (\\S+)`).exec(stderr);
      if (times === null) return reject(new Error(`bash measured nothing:\n${stderr}`));
      const [wall, user, system] = times.slice(1).map((seconds) => Number(seconds) * 1000) as [number, number, number];
      resolve({ code: code ?? -1, wallMs: wall, cpuMs: user + system, stdout, stderr: stderr.replace(times[0], '') });
    });
  });
  if (child.pid === undefined) throw new Error('bash cannot be started');
  return { pid: child.pid, ended };
}

export async function runTimed(...args: Parameters<typeof startTimed>): Promise<Timed> {
  return await startTimed(...args).ended;
}
