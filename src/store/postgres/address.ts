/**
 * Where the server is and who we are there.
 *
 * A URL may name several hosts, as libpq reads it: they are tried in order until one answers that may do what
 * `target_session_attrs` asks for. What a URL asks of libpq itself is heeded or refused here; the rest are the server's
 * parameters, and go to it.
 */
import postgres from 'postgres';
import { TallyhoError } from '../../core/error.ts';
import { noTls, takeTls, type Tls } from './tls.ts';

interface Login {
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

export type Address = { readonly url: string } | ({ readonly socketFolder: string } & Login) | ({ readonly host: string } & Login);

export type ClientOptions = postgres.Options<Record<string, postgres.PostgresType>>;

const targets = ['any', 'read-write', 'read-only', 'primary', 'standby', 'prefer-standby'] as const;
export type Target = (typeof targets)[number];

/** One server. */
export interface Endpoint {
  readonly tls: Tls;
  readonly makeClient: (options: ClientOptions) => postgres.Sql;
}

export interface Reach {
  /** In the order in which they are tried; at least one. */
  readonly endpoints: readonly Endpoint[];
  /** null where the URL does not say. */
  readonly target: Target | null;
  readonly applicationName: string | null;
}

/** Parameters of libpq that mean nothing here: what they ask for is so, or has another setting. */
const idle = [
  'connect_timeout',
  'client_encoding',
  'fallback_application_name',
  'keepalives',
  'keepalives_count',
  'keepalives_idle',
  'keepalives_interval',
  'krbsrvname',
  'load_balance_hosts',
  'sslcompression',
  'sslsni',
  'tcp_user_timeout',
];
/** Parameters that can only be had with these values. */
const fixed: Readonly<Record<string, readonly string[]>> = {
  channel_binding: ['prefer', 'disable'],
  gssencmode: ['prefer', 'disable'],
  sslnegotiation: ['postgres'],
};

/** CONFIG_INVALID. */
export function reachOf(address: Address): Reach {
  if ('url' in address) return reachOfUrl(address.url);
  const { port, user, password, database } = address;
  const place = 'host' in address ? { host: address.host } : { host: 'localhost', path: `${address.socketFolder}/.s.PGSQL.${port}` };
  const makeClient = (options: ClientOptions): postgres.Sql =>
    postgres({ ...options, ssl: false, ...place, port, user, password, database });
  return { endpoints: [{ tls: noTls, makeClient }], target: null, applicationName: null };
}

function reachOfUrl(url: string): Reach {
  const [start, query] = splitOnce(url, '?');
  const asked = new URLSearchParams(query);
  const tls = takeTls(asked);
  for (const name of idle) asked.delete(name);
  for (const [name, values] of Object.entries(fixed)) {
    const value = asked.get(name);
    asked.delete(name);
    if (value !== null && !values.includes(value))
      throw new TallyhoError('CONFIG_INVALID', `The URL of the store has ${name}=${value}, which this client cannot do.`, {
        mend: `Leave ${name} out.`,
      });
  }
  const target = asked.get('target_session_attrs');
  asked.delete('target_session_attrs');
  if (target !== null && !isTarget(target))
    throw new TallyhoError('CONFIG_INVALID', `The URL of the store has target_session_attrs=${target}, which is not known.`, {
      mend: `Write one of ${targets.join(', ')}.`,
    });
  const found = /^([a-z]+:\/\/)((?:[^/?#]*@)?)([^/?#]*)(.*)$/is.exec(start);
  if (found === null) throw unparsable();
  const [, scheme = '', login = '', hosts = '', rest = ''] = found;
  const endpoints = hosts.split(',').map((host): Endpoint => {
    const place = parseHost(host);
    const makeClient = (options: ClientOptions): postgres.Sql => {
      // Ours win, but for the name, which is for people.
      const sent = new URLSearchParams(asked);
      for (const name of Object.keys(options.connection ?? {})) if (name !== 'application_name') sent.delete(name);
      try {
        // The client cannot read every host; it is given apart.
        return postgres(`${scheme}${login}${place === null ? '' : 'host'}${rest}${sent.size === 0 ? '' : `?${sent.toString()}`}`, {
          ...options,
          ssl: false,
          target_session_attrs: undefined,
          ...place,
        } as ClientOptions);
      } catch (error) {
        throw unparsable(error);
      }
    };
    return { tls, makeClient };
  });
  return { endpoints, target, applicationName: asked.get('application_name') };
}

/** For people: no secrets. */
export function describeAddress(address: Address): string {
  const options = reachOf(address).endpoints.map(({ makeClient }) => makeClient({ max: 1 }).options);
  const names = options.map(({ path, host, port }) => (path ? path : `${host[0] ?? ''}:${port[0] ?? 5432}`));
  return `${names.join(',')}, database ${options[0]?.database ?? ''}`;
}

/** `host`, `host:port`, `[::1]:port`, `%2Fsocket%2Ffolder`; null where there is none. */
function parseHost(text: string): { readonly host: string[]; readonly port: number[]; readonly path?: string } | null {
  if (text === '') return null;
  const found = /^(?:\[([^\]]+)\]|([^:]*))(?::(\d{1,5}))?$/.exec(text);
  if (found === null) throw unparsable();
  const host = decodeURIComponent(found[1] ?? found[2] ?? '');
  const port = Number(found[3] ?? 5432);
  return { host: [host === '' ? 'localhost' : host], port: [port], ...(host.startsWith('/') ? { path: `${host}/.s.PGSQL.${port}` } : {}) };
}

function isTarget(text: string): text is Target {
  return (targets as readonly string[]).includes(text);
}

function unparsable(cause?: unknown): TallyhoError {
  return new TallyhoError('CONFIG_INVALID', 'The URL of the store cannot be parsed.', {
    mend: 'Write it as postgresql://user:password@host:5432/database.',
    cause,
  });
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at === -1 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}
