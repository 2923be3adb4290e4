/** What a failed request means, by the names that S3 gives its errors (docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html). */
import { type ErrorCode, TallyhoError } from '../../core/error.ts';

export interface Failure {
  /** The error's name, such as NoSuchKey, or the system's code, such as ECONNREFUSED. */
  readonly name: string;
  /** Of the HTTP response; null where there was none. */
  readonly status: number | null;
  readonly message: string;
}

export function failureOf(error: unknown): Failure {
  const { name, code, message, $metadata } = (error ?? {}) as {
    readonly name?: string;
    readonly code?: unknown;
    readonly message?: string;
    readonly $metadata?: { readonly httpStatusCode?: number };
  };
  const status = $metadata?.httpStatusCode ?? null;
  // A connection's failure is an Error with the system's code.
  const shown = status === null && typeof code === 'string' ? code : (name ?? 'Error');
  return { name: shown, status, message: message ?? String(error) };
}

/**
 * No object of that name. By name, since 404 is also said of a bucket, and by some stores of credentials; an answer to HEAD has
 * no body and so no name (the SDK says NotFound), and is to be followed by a request that has.
 */
export function isMissing({ name }: Failure): boolean {
  return name === 'NoSuchKey' || name === 'NotFound';
}

/** `If-Match` or `If-None-Match` did not hold. */
export function isConditionUnmet({ name, status }: Failure): boolean {
  return name === 'PreconditionFailed' || status === 412;
}

/** Two conditional writes of one key at once: one must be sent again. */
export function isConflict({ name, status }: Failure): boolean {
  return name === 'ConditionalRequestConflict' || status === 409;
}

export interface What {
  /** As in "cannot be read". */
  readonly action: string;
  /** s3://bucket/prefix/ and, where it is about one object, its key. */
  readonly place: string;
  readonly bucket: string;
  /** What a failure that may pass is called. */
  readonly code: ErrorCode;
  /** The store's endpoint, if it is not AWS. */
  readonly endpoint: string | null;
}

/** For people: what, where and the mend. Of what cannot heal by itself the code says so, and nobody tries again. */
export function errorOf(error: unknown, what: What): TallyhoError {
  if (error instanceof TallyhoError) return error;
  const failure = failureOf(error);
  const { code, mend } = judge(failure, what);
  const status = failure.status === null ? '' : ` (${failure.status})`;
  return new TallyhoError(code, `${what.place} cannot be ${what.action}: ${failure.name}${status}: ${sentence(failure.message)}`, {
    mend,
    cause: error,
  });
}

const credentials = 'AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or a role of this machine';

function judge({ name, status }: Failure, { bucket, code, endpoint }: What): { readonly code: ErrorCode; readonly mend: string } {
  if (name === 'InvalidBucketName')
    return { code: 'S3_NO_BUCKET', mend: `Correct the URL: ${bucket} can be no bucket's name (3 to 63 of a-z, 0-9, - and .).` };
  if (name === 'NoSuchBucket')
    return { code: 'S3_NO_BUCKET', mend: `Make the bucket ${bucket}, or correct the URL${endpoint === null ? '' : ' or s3.endpoint'}.` };
  if (name === 'CredentialsProviderError') return { code: 'S3_DENIED', mend: `Give credentials: ${credentials}.` };
  if (/^(InvalidAccessKeyId|SignatureDoesNotMatch|XAdminUserNotFound)$/.test(name))
    return { code: 'S3_DENIED', mend: `Check the credentials: ${credentials}.` };
  if (/^(ExpiredToken|TokenRefreshRequired|InvalidToken)/.test(name))
    return { code: 'S3_DENIED', mend: 'The session has run out: take new credentials.' };
  if (name === 'RequestTimeTooSkewed') return { code: 'S3_DENIED', mend: 'Set the clock of this machine: it differs from the store’s.' };
  if (name === 'PermanentRedirect' || name === 'AuthorizationHeaderMalformed' || status === 301)
    return { code: 'S3_DENIED', mend: 'The bucket is in another region: set s3.region, or AWS_REGION.' };
  if (status === 401 || status === 403)
    return {
      code: 'S3_DENIED',
      mend: `Allow s3:ListBucket on the bucket and s3:GetObject on its objects, for a sink s3:PutObject too.`,
    };
  if (status !== null && status >= 400 && status < 500 && status !== 408 && status !== 429)
    return { code: 'S3_UNSUITABLE', mend: 'The store refuses the request itself; `tallyho doctor` tells what it can do.' };
  if (name === 'EPROTO' && endpoint?.startsWith('https:') === true)
    return { code, mend: `${withoutUser(endpoint)} speaks no TLS that is understood: if it is a store without encryption, write http://.` };
  if (/SELF_SIGNED|^UNABLE_TO_(VERIFY|GET_ISSUER)/.test(name))
    return { code, mend: 'If the certificate is of an authority of yours, name its file (PEM) in NODE_EXTRA_CA_CERTS.' };
  const reach = endpoint === null ? 'the network and the proxy settings' : `that ${withoutUser(endpoint)} is the store and can be reached`;
  return { code, mend: `Check ${reach}; trying again is safe.` };
}

function sentence(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return /[.!?]$/.test(line) ? line : `${line}.`;
}

function withoutUser(url: string): string {
  return url.replace(/\/\/[^/@]*@/, '//');
}
