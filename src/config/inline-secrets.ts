/**
 * Secrets that are written into the file instead of coming from the environment: refused, because config files get
 * committed and mailed. Looks at what stands in the file, before `${NAME}` is filled in; never repeats it.
 */
import type { Finding } from './finding.ts';
import type { Path, YamlFile } from './yaml-file.ts';

/** The text without its `${NAME}`s: what remains was written here. */
function literal(text: string): string {
  return text.replaceAll(/\$\{[^}]*\}/g, '');
}

/** Whether a URL has a password before its @, or in its query. */
function hasPassword(url: string): boolean {
  const rest = literal(url).replace(/^[a-z0-9+.-]*:\/\//i, '');
  const user = rest.includes('@') ? rest.slice(0, rest.lastIndexOf('@')) : '';
  const password = user.includes(':') ? user.slice(user.indexOf(':') + 1) : '';
  return password !== '' || /[?&;](ssl)?(password|token)=[^&;]/i.test(rest);
}

const urls: readonly { readonly path: Path; readonly variable: string }[] = [
  { path: ['store'], variable: 'DATABASE_URL' },
  { path: ['store', 'url'], variable: 'DATABASE_URL' },
  { path: ['source'], variable: 'SOURCE_URL' },
  { path: ['source', 'url'], variable: 'SOURCE_URL' },
  { path: ['sink'], variable: 'SINK_URL' },
  { path: ['sink', 'url'], variable: 'SINK_URL' },
  { path: ['s3', 'endpoint'], variable: 'S3_ENDPOINT' },
  { path: ['engine', 'spark'], variable: 'SPARK_URL' },
];

const keys: readonly { readonly path: Path; readonly variable: string }[] = [
  { path: ['s3', 'accessKeyId'], variable: 'AWS_ACCESS_KEY_ID' },
  { path: ['s3', 'secretAccessKey'], variable: 'AWS_SECRET_ACCESS_KEY' },
  { path: ['s3', 'sessionToken'], variable: 'AWS_SESSION_TOKEN' },
];

export function findSecrets(yaml: YamlFile): Finding[] {
  const found: Finding[] = [];
  for (const { path, variable } of urls) {
    const text = yaml.written(path);
    // A path may hold @ and : as it likes.
    if (text === null || !text.includes('://') || !hasPassword(unquote(text))) continue;
    const mend = `Take it from the environment: ${path.at(-1)}: \${${variable}}.`;
    found.push(yaml.finding('CONFIG_SECRET', yaml.valueAt(path), `${path.join('.')} holds a password.`, mend));
  }
  for (const { path, variable } of keys) {
    const text = yaml.written(path);
    if (text === null || literal(unquote(text)) === '') continue;
    const mend = `Take it from the environment, ${path.at(-1)}: \${${variable}}; or leave it out, and the usual AWS variables are used.`;
    found.push(yaml.finding('CONFIG_SECRET', yaml.valueAt(path), `${path.join('.')} holds a secret.`, mend));
  }
  return found;
}

function unquote(text: string): string {
  return text.replace(/^(["'])(.*)\1$/s, '$2');
}
