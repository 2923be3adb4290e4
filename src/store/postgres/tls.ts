/**
 * Encryption of the connection, as libpq means `sslmode` (PostgreSQL documentation, 32.19): what the URL asks for is had, or the
 * connection is refused.
 *
 *   disable      never
 *   prefer       where the server has it (the default)
 *   require      always; the certificate is looked at only where `sslrootcert` is given
 *   verify-ca    and the certificate comes from an authority of `sslrootcert`
 *   verify-full  and names the host
 *
 * `sslrootcert` is a file, `system` for the authorities that come with Node, and `~/.postgresql/root.crt` where it is missing
 * and there is one. Connections through a socket of the file system are not encrypted, whatever is asked.
 *
 * We negotiate and hand the client an encrypted socket, because postgres.js knows neither verify-ca nor files. Not supported:
 * `allow` (plain first), `sslnegotiation=direct`, `sslcrl`, keys with a passphrase.
 */
import { readFile } from 'node:fs/promises';
import { isIP, type Socket } from 'node:net';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { checkServerIdentity, connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { TallyhoError } from '../../core/error.ts';

const modes = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;
type Mode = (typeof modes)[number];

export interface Tls {
  readonly mode: Mode;
  /** A path, `system`, or null. */
  readonly root: string | null;
  readonly certificate: string | null;
  readonly key: string | null;
}

export const noTls: Tls = { mode: 'disable', root: null, certificate: null, key: null };

/** Takes its parameters out of those of the URL. CONFIG_INVALID. */
export function takeTls(asked: URLSearchParams): Tls {
  const take = (name: string): string | null => {
    const value = asked.get(name);
    asked.delete(name);
    return value === '' ? null : value;
  };
  const root = take('sslrootcert');
  const given = take('sslmode');
  const mode = given ?? (root === 'system' ? 'verify-full' : 'prefer');
  if (!isMode(mode))
    throw new TallyhoError('CONFIG_INVALID', `The URL of the store has sslmode=${mode}, which is not known.`, {
      mend: `Write one of ${modes.join(', ')}.`,
    });
  if (root === 'system' && mode !== 'verify-full')
    throw new TallyhoError(
      'CONFIG_INVALID',
      `The URL of the store has sslrootcert=system with sslmode=${mode}, which would trust any host.`,
      {
        mend: 'Write sslmode=verify-full.',
      },
    );
  return { mode, root, certificate: take('sslcert'), key: take('sslkey') };
}

function isMode(text: string): text is Mode {
  return (modes as readonly string[]).includes(text);
}

const request = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);
const yes = 'S'.charCodeAt(0);

/**
 * The socket to speak on: encrypted, or itself where `prefer` finds a server that does not encrypt; null where `prefer` has to
 * connect anew without asking. STORE_TLS where what is asked for cannot be had.
 */
export async function encrypt(socket: Socket, tls: Tls, host: string): Promise<Socket | null> {
  if (tls.mode === 'disable') return socket;
  const isWanted = tls.mode !== 'prefer';
  const options = await optionsOf(tls, host);
  const answer = await ask(socket);
  if (answer.length !== 1)
    throw refusal(host, 'sends bytes behind its answer to the request for encryption', 'Somebody may be in between.');
  if (answer[0] !== yes) {
    if (!isWanted) return socket;
    throw refusal(
      host,
      `does not encrypt, and the URL of \`store\` asks for it (sslmode=${tls.mode})`,
      'Turn on `ssl` in the server, or write sslmode=prefer.',
    );
  }
  try {
    return await handShake(socket, options);
  } catch (error) {
    if (!isWanted) return null;
    throw handShakeError(error, tls, host);
  }
}

function ask(socket: Socket): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const hangUp = (): void => reject(Object.assign(new Error('the server ended the connection'), { code: 'CONNECTION_CLOSED' }));
    const take = (bytes: Buffer): void => {
      socket.off('error', reject).off('close', hangUp);
      resolve(bytes);
    };
    socket.once('data', take).once('error', reject).once('close', hangUp);
    socket.write(request);
  });
}

function handShake(socket: Socket, options: ConnectionOptions): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const hangUp = (): void => reject(Object.assign(new Error('the server ended the connection'), { code: 'CONNECTION_CLOSED' }));
    const secured = connect({ ...options, socket });
    const fail = (error: Error): void => {
      const { authorizationError } = secured;
      reject(authorizationError === null ? error : new CertificateError(error));
    };
    secured.once('error', fail).once('close', hangUp);
    secured.once('secureConnect', () => {
      secured.off('error', fail).off('close', hangUp);
      resolve(secured);
    });
  });
}

class CertificateError extends Error {
  constructor(cause: Error) {
    super(cause.message, { cause });
  }
}

function handShakeError(error: unknown, { mode }: Tls, host: string): unknown {
  const said = error instanceof Error ? error.message : String(error);
  if (error instanceof CertificateError)
    return refusal(
      host,
      `has a certificate that is not good for sslmode=${mode}: ${said}`,
      "Name its authority's file in `sslrootcert`, and the host as the certificate does.",
      error,
    );
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  // A connection that ends is no word about encryption.
  if (!/^(ERR_(SSL|TLS)|EPROTO)/.test(code)) return error;
  return refusal(
    host,
    `cannot agree with us on encryption: ${said}`,
    'Check `ssl_min_protocol_version` of the server, and `sslcert` and `sslkey`.',
    error,
  );
}

async function optionsOf({ mode, root, certificate, key }: Tls, host: string): Promise<ConnectionOptions> {
  const file = root ?? (await defaultRoot());
  // As libpq: an authority that is given is asked.
  const isChecked = mode === 'verify-full' || mode === 'verify-ca' || (mode === 'require' && file !== null);
  if (isChecked && file === null)
    throw new TallyhoError('STORE_TLS', `The URL of \`store\` has sslmode=${mode}, and names no authority to check the certificate by.`, {
      mend: 'Add sslrootcert=/path/of/the/authority.crt, or sslrootcert=system for the public ones.',
    });
  return {
    host,
    ...(isIP(host) === 0 ? { servername: host } : {}),
    rejectUnauthorized: isChecked,
    checkServerIdentity: mode === 'verify-full' ? checkServerIdentity : () => undefined,
    ...(isChecked && file !== null && file !== 'system' ? { ca: await read(file, 'sslrootcert') } : {}),
    ...(certificate === null ? {} : { cert: await read(certificate, 'sslcert') }),
    ...(key === null ? {} : { key: await read(key, 'sslkey') }),
  };
}

/** libpq's. */
async function defaultRoot(): Promise<string | null> {
  const file = join(homedir(), '.postgresql', 'root.crt');
  return readFile(file).then(
    () => file,
    () => null,
  );
}

async function read(file: string, name: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (cause) {
    const { code = 'unknown error' } = cause as NodeJS.ErrnoException;
    throw new TallyhoError('STORE_TLS', `${name} of the URL of \`store\` cannot be read: ${file} (${code}).`, {
      mend: 'Give the path of a PEM file that this process may read.',
      cause,
    });
  }
}

function refusal(host: string, what: string, mend: string, cause?: unknown): TallyhoError {
  return new TallyhoError('STORE_TLS', `PostgreSQL on ${host} ${what}.`, { mend, cause });
}
