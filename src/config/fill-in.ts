/**
 * `${NAME}` in any text of the config takes its value from the environment, after parsing: what a variable holds is text
 * and never becomes YAML. What stood there before is kept, because only it may appear in messages.
 */
import type { Finding } from './finding.ts';
import type { YamlFile } from './yaml-file.ts';

export type Env = Readonly<Record<string, string | undefined>>;

const reference = /\$\{([^}]*)\}?/g;
const name = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Changes the document of `yaml`; names that are not set or not well written come back as findings. */
export function fillIn(yaml: YamlFile, env: Env): Finding[] {
  const findings: Finding[] = [];
  for (const scalar of yaml.scalars) {
    if (typeof scalar.value !== 'string' || !scalar.value.includes('${')) continue;
    scalar.value = scalar.value.replaceAll(reference, (whole, variable: string) => {
      if (!whole.endsWith('}') || !name.test(variable)) {
        const message = `"${whole}" names no environment variable.`;
        findings.push(yaml.finding('CONFIG_INVALID', scalar, message, 'Write ${NAME}, with letters, digits and _.'));
        return '';
      }
      const value = env[variable];
      if (value === undefined) {
        findings.push(
          yaml.finding('CONFIG_ENV', scalar, `The environment variable ${variable} is not set.`, `Set it: export ${variable}=...`),
        );
      } else if (value === '') {
        findings.push(
          yaml.finding('CONFIG_ENV', scalar, `The environment variable ${variable} is empty.`, `Give it a value: export ${variable}=...`),
        );
      }
      return value ?? '';
    });
  }
  return findings;
}
