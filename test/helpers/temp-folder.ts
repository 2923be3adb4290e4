/** A folder that any user of the machine can reach (the private server of root runs as nobody), and its removal. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export function makeTempFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `tallyho-${name}-`));
  chmodSync(folder, 0o755);
  return folder;
}

export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
}
