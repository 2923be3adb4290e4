/**
 * Is a folder on a file system that other machines may write to? There an OS lock may hold on one machine only, so it
 * does not protect by itself (PROTOCOL.md 5.1).
 *
 * Linux gives the kind of a file system as a number (statfs(2)). Elsewhere the kinds are numbered otherwise and nothing
 * is known: such a disk counts as local.
 */
import { statfs } from 'node:fs/promises';

const networkKinds = new Set([
  0x6969, // NFS
  0x517b, // SMB
  0xff534d42, // CIFS
  0xfe534d42, // SMB2
  0x65735546, // FUSE: sshfs, s3fs, gluster, virtiofs
  0x00c36400, // Ceph
  0x01021997, // 9P
  0x0bd00bd0, // Lustre
  0x47504653, // GPFS
  0x5346414f, // AFS
  0x19830326, // BeeGFS
  0x7461636f, // OCFS2
  0x01161970, // GFS2
]);

export async function isNetworkDisk(folder: string): Promise<boolean> {
  if (process.platform !== 'linux') return false;
  const { type } = await statfs(folder);
  return networkKinds.has(type >>> 0);
}
