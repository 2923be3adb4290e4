/**
 * The one error class and the one registry of its codes.
 *
 * Every failure that reaches a person has a code, says what happened, where, and the mend. Codes are
 * never reused. `docs/errors.md` is held equal to this registry by a test.
 *
 * domain: who can mend it (user: input or config; external: a service or the machine; internal: a bug).
 * retry:  whether trying the same thing again may succeed.
 * exit:   the process's exit code (DESIGN.md section 9).
 */
interface Code {
  readonly domain: 'user' | 'external' | 'internal';
  readonly retry: 'never' | 'backoff';
  readonly exit: 1 | 2 | 3 | 4 | 5;
  readonly about: string;
}

function define<const T extends Record<string, Code>>(codes: T): T {
  return codes;
}

// biome-ignore format: one code a line
export const errorCodes = define({
  // Wrong usage or config (exit 2)
  USAGE: { domain: 'user', retry: 'never', exit: 2, about: 'An unknown command, option or argument.' },
  CONFIG_MISSING: { domain: 'user', retry: 'never', exit: 2, about: 'The config file is not there.' },
  CONFIG_INVALID: { domain: 'user', retry: 'never', exit: 2, about: 'The config file cannot be parsed, or a setting has a wrong name or value.' },
  CONFIG_SECRET: { domain: 'user', retry: 'never', exit: 2, about: 'A secret is written into the config file; it belongs into the environment.' },
  CONFIG_ENV: { domain: 'user', retry: 'never', exit: 2, about: 'The config names an environment variable that is not set.' },
  CONFIG_OVERLAP: { domain: 'user', retry: 'never', exit: 2, about: 'Source, sink and state lie inside one another.' },
  PATTERN_INVALID: { domain: 'user', retry: 'never', exit: 2, about: 'A pattern does not parse, names something unknown, or can never hold.' },
  PATTERN_ID_REUSED: { domain: 'user', retry: 'never', exit: 2, about: 'A pattern id that has detections is used with other dimensions or another action.' },
  PATTERN_UNKNOWN: { domain: 'user', retry: 'never', exit: 2, about: 'No pattern has the id given.' },
  REBUILD_NEEDED: { domain: 'user', retry: 'never', exit: 2, about: 'The patterns or the input settings need statistics that are not kept; `tallyho rebuild` reads all chunks again.' },
  REBUILD_BLOCKED: { domain: 'user', retry: 'never', exit: 1, about: 'A rebuild cannot read what was applied; the state is as it was.' },
  CONFIRM_NEEDED: { domain: 'user', retry: 'never', exit: 2, about: 'A changed set of patterns would add more than 1,000 detections; `--yes` confirms.' },
  SINK_AHEAD: { domain: 'user', retry: 'never', exit: 2, about: 'The output holds folders that this state did not plan.' },
  STATE_UNREACHABLE: { domain: 'user', retry: 'never', exit: 2, about: 'The private server cannot use the state folder.' },
  STATE_FORMAT: { domain: 'user', retry: 'never', exit: 2, about: 'The state was written by another major version.' },
  STATE_PRESENT: { domain: 'user', retry: 'never', exit: 2, about: 'A backup is to be imported where there is a state already.' },
  UNSUPPORTED: { domain: 'user', retry: 'never', exit: 2, about: 'The setting is known, and this release cannot do it.' },

  // Data stopped the run (exit 3), another writer (exit 4), verify (exit 5)
  HALTED: { domain: 'user', retry: 'never', exit: 3, about: 'A chunk was quarantined and `onBadChunk` is `halt`.' },
  FENCED: { domain: 'external', retry: 'never', exit: 4, about: 'Another detector took over this pipeline.' },
  HELD: { domain: 'external', retry: 'backoff', exit: 4, about: 'Another detector holds this pipeline.' },

  // Failures (exit 1)
  SOURCE_UNREADABLE: { domain: 'external', retry: 'backoff', exit: 1, about: 'The source cannot be listed or read.' },
  SOURCE_GREW: { domain: 'user', retry: 'never', exit: 1, about: 'A chunk that was applied has grown since.' },
  SINK_UNWRITABLE: { domain: 'external', retry: 'backoff', exit: 1, about: 'The sink cannot be listed or written.' },
  SINK_INCIDENT: { domain: 'external', retry: 'never', exit: 1, about: 'Other bytes stand under the name of a planned file; they are never overwritten.' },
  OBJECT_MISSING: { domain: 'external', retry: 'never', exit: 1, about: 'An object is not there.' },
  OBJECT_CHANGED: { domain: 'external', retry: 'backoff', exit: 1, about: 'An object changed while it was read.' },
  S3_NO_BUCKET: { domain: 'user', retry: 'never', exit: 1, about: 'The bucket is not there.' },
  S3_DENIED: { domain: 'user', retry: 'never', exit: 1, about: 'S3 refuses the credentials, their rights, or the region.' },
  S3_UNSUITABLE: { domain: 'external', retry: 'never', exit: 1, about: 'The store cannot keep a promise that is needed of it, such as not to overwrite.' },
  REFERENCE_UNREADABLE: { domain: 'user', retry: 'never', exit: 1, about: 'The reference file of weights cannot be read.' },
  STATE_ABSENT: { domain: 'user', retry: 'never', exit: 1, about: 'There is no state to back up: the pipeline has never run.' },
  BACKUP_INVALID: { domain: 'user', retry: 'never', exit: 1, about: 'A backup is cut, altered, none of ours, of another pipeline, or of a newer release.' },
  BACKUP_UNREADABLE: { domain: 'external', retry: 'never', exit: 1, about: 'The file of a backup cannot be read or written.' },
  STORE_UNREACHABLE: { domain: 'external', retry: 'backoff', exit: 1, about: 'PostgreSQL does not answer.' },
  STORE_TLS: { domain: 'user', retry: 'never', exit: 1, about: 'The connection to PostgreSQL cannot be encrypted, or its certificate not be verified, as the URL asks (`sslmode`).' },
  STORE_UNSUITABLE: { domain: 'user', retry: 'never', exit: 1, about: 'The PostgreSQL server is too old, or its database does not use UTF8.' },
  STORE_BEHIND: { domain: 'external', retry: 'never', exit: 1, about: 'After a lost connection the database is an older copy than the one that was written: a failover lost commits.' },
  STORE_FAILED: { domain: 'external', retry: 'backoff', exit: 1, about: 'A statement failed in PostgreSQL.' },
  STORE_DENIED: { domain: 'user', retry: 'never', exit: 1, about: 'The role in the URL of the store lacks a right in PostgreSQL; the message names it.' },
  STORE_BUSY: { domain: 'external', retry: 'backoff', exit: 1, about: 'A statement in PostgreSQL waited too long for a lock, took too long, or was cancelled.' },
  STORE_UNKNOWN_COMMIT: { domain: 'external', retry: 'backoff', exit: 1, about: 'The connection ended during a commit; the ledger is read to learn whether it took place.' },
  STORE_SCHEMA: { domain: 'user', retry: 'never', exit: 1, about: 'The schema in the database is of a newer release, or not ours.' },
  SERVER_START: { domain: 'external', retry: 'backoff', exit: 1, about: 'The private PostgreSQL server does not start.' },
  SERVER_BINARIES: { domain: 'external', retry: 'never', exit: 1, about: 'A program that the private PostgreSQL server needs is missing.' },
  DISK_LOW: { domain: 'external', retry: 'never', exit: 1, about: 'The disk of the private state has less free space than `minFree`.' },
  INTERNAL: { domain: 'internal', retry: 'never', exit: 1, about: 'A law does not hold: a bug in Tallyho. Nothing was committed.' },
});

export type ErrorCode = keyof typeof errorCodes;

export interface ErrorParts {
  /** What to do about it, as a sentence. */
  readonly mend?: string;
  readonly cause?: unknown;
}

/** `message` says what happened and where; `mend` what to do. Never holds a secret. */
export class TallyhoError extends Error {
  readonly code: ErrorCode;
  readonly mend: string | undefined;

  constructor(code: ErrorCode, message: string, parts: ErrorParts = {}) {
    super(message, parts.cause === undefined ? undefined : { cause: parts.cause });
    this.name = 'TallyhoError';
    this.code = code;
    this.mend = parts.mend;
  }

  get domain(): Code['domain'] {
    return errorCodes[this.code].domain;
  }

  get retry(): Code['retry'] {
    return errorCodes[this.code].retry;
  }

  get exit(): Code['exit'] {
    return errorCodes[this.code].exit;
  }
}

/** For what cannot happen unless we have a bug. */
export function assertLaw(condition: boolean, law: string): asserts condition {
  if (!condition) throw new TallyhoError('INTERNAL', `broken law: ${law}`, { mend: 'Please report this; the state is as it was before.' });
}
