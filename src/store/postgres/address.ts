/** Where the server is and who we are there. */
import postgres from 'postgres';
import { TallyhoError } from '../../core/error.ts';

interface Login {
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

export type Address = { readonly url: string } | ({ readonly socketFolder: string } & Login) | ({ readonly host: string } & Login);

export type ClientOptions = postgres.Options<Record<string, postgres.PostgresType>>;

/** A client that has not connected yet. `options.connection` wins over what the URL asks for. */
export function makeClient(address: Address, options: ClientOptions): postgres.Sql {
  if (!('url' in address)) {
    const { port, user, password, database } = address;
    const place = 'host' in address ? { host: address.host } : { host: 'localhost', path: `${address.socketFolder}/.s.PGSQL.${port}` };
    return postgres({ ...options, ...place, port, user, password, database });
  }
  const [start, query] = splitOnce(address.url, '?');
  const asked = new URLSearchParams(query);
  for (const name of Object.keys(options.connection ?? {})) asked.delete(name);
  try {
    return postgres(asked.size === 0 ? start : `${start}?${asked.toString()}`, options);
  } catch (error) {
    throw new TallyhoError('CONFIG_INVALID', 'The URL of the store cannot be parsed.', {
      mend: 'Write it as postgresql://user:password@host:5432/database.',
      cause: error,
    });
  }
}

/** For people: no secrets. */
export function describeAddress(address: Address): string {
  const { path, host, port, database } = makeClient(address, { max: 1 }).options;
  return path ? `${path}, database ${database}` : `${host.map((name, i) => `${name}:${port[i] ?? 5432}`).join(',')}, database ${database}`;
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at === -1 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}
