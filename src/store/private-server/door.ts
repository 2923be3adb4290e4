/**
 * The small file that says where the running server can be reached. The supervisor writes it before it starts the
 * server and removes it after a clean stop, so a file that is there means: running, or ended without a clean stop.
 *
 * It is a hint and never proof: whoever reads it connects. The inode of the data folder is in it because state folders
 * get copied: the copy's file names the socket of the original, and two states would become one.
 */
import { randomBytes } from 'node:crypto';
import { readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { giveTo, type RunAs } from './run-as.ts';
import type { StateFolder } from './state-folder.ts';

export interface Door {
  /** Folder of the Unix socket; empty where the server listens on an address. */
  readonly socketFolder: string;
  /** Empty where the server listens on a socket. */
  readonly address: string;
  readonly port: number;
  /** Name of the machine (or container) that started the server. */
  readonly machine: string;
  /** Process id of the supervisor on that machine: for people only. */
  readonly supervisor: number;
}

/** Undefined where there is none, none that can be read, or one that speaks of another data folder. */
export async function readDoor(folder: StateFolder): Promise<Door | undefined> {
  try {
    const [text, inode] = await Promise.all([readFile(folder.door, 'utf8'), dataInode(folder)]);
    const door = JSON.parse(text) as Door & { readonly inode: string };
    return door.inode === inode ? door : undefined;
  } catch {
    return undefined;
  }
}

export async function writeDoor(folder: StateFolder, door: Door, user: RunAs | undefined): Promise<void> {
  const fresh = `${folder.door}.new-${randomBytes(6).toString('hex')}`;
  await writeFile(fresh, `${JSON.stringify({ ...door, inode: await dataInode(folder) })}\n`, { mode: 0o600 });
  await giveTo(user, fresh);
  await rename(fresh, folder.door);
}

export async function removeDoor(folder: StateFolder): Promise<void> {
  await rm(folder.door, { force: true });
}

/** Names of door files that were never renamed: a start was killed in between. */
export function isUnfinishedDoor(name: string): boolean {
  return name.startsWith('server.json.new-');
}

async function dataInode(folder: StateFolder): Promise<string> {
  return String((await stat(folder.data, { bigint: true })).ino);
}
