/** The one way by which names and texts that we do not choose get into a statement. */
import { TallyhoError } from '../../core/error.ts';

/** The longest name PostgreSQL keeps; longer ones it would cut silently. */
export const longestIdentifier = 63;

export function identifier(name: string): string {
  if (name.length === 0 || name.includes('\0') || Buffer.byteLength(name) > longestIdentifier)
    throw new TallyhoError('INTERNAL', `${JSON.stringify(name)} cannot name anything in PostgreSQL`);
  return `"${name.replaceAll('"', '""')}"`;
}

/** For statements that take no parameters (comments); right whatever `standard_conforming_strings` says. */
export function literal(text: string): string {
  const doubled = text.replaceAll('\0', '').replaceAll("'", "''");
  return doubled.includes('\\') ? `E'${doubled.replaceAll('\\', '\\\\')}'` : `'${doubled}'`;
}

/** A pipeline's name is that of its schema. */
export function checkPipelineName(name: string): void {
  const bad =
    name.length === 0
      ? 'is empty'
      : Buffer.byteLength(name) > longestIdentifier
        ? `has more than ${longestIdentifier} bytes`
        : /[\p{Cc}\p{Cs}]/u.test(name)
          ? 'has control characters'
          : name.toLowerCase().startsWith('pg_') || name === 'information_schema' || name === '$user'
            ? 'belongs to PostgreSQL'
            : null;
  if (bad !== null)
    throw new TallyhoError('CONFIG_INVALID', `The pipeline name ${JSON.stringify(name)} ${bad}, and cannot name a schema.`, {
      mend: `Give another name in \`pipeline\`: 1 to ${longestIdentifier} bytes.`,
    });
}
