/** Certificates made for a test by `openssl`: an authority, and a server's that it has signed. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Authority {
  /** Path of its certificate. */
  readonly file: string;
  /** A certificate and its key, PEM. `names` as openssl writes them: `DNS:localhost,IP:127.0.0.1`; `clientAuth` for a client. */
  sign(subject: string, names: string): { readonly certificate: string; readonly key: string };
}

export function opensslMissing(): string | undefined {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'openssl is not installed';
  }
}

let made = 0;

export function makeAuthority(folder: string): Authority {
  const name = `authority-${++made}`;
  const at = (file: string): string => join(folder, file);
  const openssl = (...args: readonly string[]): void => void execFileSync('openssl', args, { stdio: 'ignore' });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl('req', '-x509', ...key, '-days', '2', '-subj', `/CN=${name}`, '-keyout', at(`${name}.key`), '-out', at(`${name}.crt`));
  return {
    file: at(`${name}.crt`),
    sign(subject, names) {
      const own = `signed-${++made}`;
      openssl('req', '-new', ...key, '-subj', `/CN=${subject}`, '-keyout', at(`${own}.key`), '-out', at(`${own}.csr`));
      writeFileSync(at(`${own}.ext`), `subjectAltName=${names}\n`);
      const by = ['-CA', at(`${name}.crt`), '-CAkey', at(`${name}.key`), '-CAcreateserial'];
      openssl('x509', '-req', '-in', at(`${own}.csr`), ...by, '-days', '2', '-extfile', at(`${own}.ext`), '-out', at(`${own}.crt`));
      return { certificate: readFileSync(at(`${own}.crt`), 'utf8'), key: readFileSync(at(`${own}.key`), 'utf8') };
    },
  };
}
