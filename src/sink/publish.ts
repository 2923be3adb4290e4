import { assertLaw } from '../core/error.ts';
import type { Objects, PreparedPut, PutResult } from '../objects/objects.ts';
import { type FileToPut, sha256 } from './plan-files.ts';

/** Puts the bytes that the commit planned, and renders nothing (PROTOCOL.md 4.1). `other` is an incident. */
export async function publish(objects: Objects, file: FileToPut, signal?: AbortSignal, prepared?: PreparedPut): Promise<PutResult> {
  assertLaw(sha256(file.bytes) === file.sha256, `what is published as ${file.key} is what was planned`);
  return objects.put(file.key, file.bytes, signal, prepared);
}
