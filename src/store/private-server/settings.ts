/**
 * The server's settings, given on its command line: so that a release can change them without touching a state folder.
 *
 * One small machine, one writer, durable: fsync and synchronous_commit stay on. No replication, so WAL can be minimal.
 * mmap for dynamic shared memory and no parallel workers: containers often give /dev/shm 64 MB or none at all.
 */
import type { Way } from './knock.ts';

const settings: Readonly<Record<string, string>> = {
  cluster_name: 'tallyho',
  max_connections: '50',
  shared_buffers: '128MB',
  huge_pages: 'off',
  // No processes that read ahead for others: one writer, whose tables are in the system's cache.
  io_method: 'sync',
  dynamic_shared_memory_type: 'mmap',
  max_parallel_workers_per_gather: '0',
  max_parallel_maintenance_workers: '0',
  max_logical_replication_workers: '0',
  work_mem: '16MB',
  maintenance_work_mem: '64MB',
  jit: 'off',
  wal_level: 'minimal',
  max_wal_senders: '0',
  min_wal_size: '80MB',
  max_wal_size: '1GB',
  checkpoint_timeout: '5min',
  password_encryption: 'scram-sha-256',
  timezone: 'UTC',
  log_timezone: 'UTC',
  // The log goes to the file that stderr is, without statements and details: they quote data.
  log_destination: 'stderr',
  logging_collector: 'off',
  log_min_error_statement: 'panic',
  log_error_verbosity: 'terse',
  log_checkpoints: 'off',
  log_line_prefix: '%m [%p] ',
  log_startup_progress_interval: '10s',
};

/** Arguments of `postgres`, the data folder included. */
export function serverArguments(data: string, way: Way): string[] {
  const doors: Record<string, string> =
    way.address === ''
      ? {
          listen_addresses: '',
          // The second is the data folder itself (the server's working folder): see knock.ts. Where its disk knows no
          // sockets, or the path is too long, the server says so in its log and goes on with the first.
          unix_socket_directories: `${way.socketFolder},.`,
          unix_socket_permissions: '0700',
        }
      : { listen_addresses: way.address, unix_socket_directories: '' };
  const all = { ...settings, ...doors, port: String(way.port) };
  return ['-D', data, ...Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])];
}
