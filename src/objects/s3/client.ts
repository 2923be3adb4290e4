/**
 * The client of one store, made at the first request.
 *
 * Retries are the SDK's standard mode: throttling, timeouts, cut connections and 5xx, with a capped, jittered, exponential
 * pause; 4xx are final (docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html). What is not given here comes
 * from the usual AWS chain: variables, profiles, roles of containers and instances.
 */
import type { S3Client } from '@aws-sdk/client-s3';
import type * as sdk from './sdk.ts';

/** How S3 is reached; null: by the usual AWS variables and files. */
export interface S3Settings {
  readonly endpoint: string | null;
  readonly region: string | null;
  /** The bucket is named in the path, not in the host. */
  readonly forcePathStyle: boolean | null;
  readonly accessKeyId: string | null;
  readonly secretAccessKey: string | null;
  readonly sessionToken: string | null;
}

export type Sdk = typeof sdk;

export interface Client {
  readonly sdk: Sdk;
  readonly s3: S3Client;
}

/** With the SDK's pauses (0.1 s or 1 s doubled, at most 20 s, times a random share) half a minute of an outage is outlasted. */
const attempts = 8;
const hastyAttempts = 2;
/** Waiting for a free connection of the pool counts too. */
const connectTimeoutMs = 10_000;
/** Of silence: a response that does not begin, or a body that does not go on. */
const silenceMs = 30_000;
/** Where neither config, environment nor profile names one; AWS then tells the bucket's own, and it is followed. */
const anyRegion = 'us-east-1';

/** `patient`: an outage is waited for; else a failure is told after few attempts. */
export async function openClient(settings: S3Settings, patient = true): Promise<Client> {
  const sdk = await import('./sdk.ts');
  const { endpoint, region, forcePathStyle, accessKeyId, secretAccessKey, sessionToken } = settings;
  const make = (known: string | null): S3Client =>
    new sdk.S3Client({
      ...(endpoint === null ? {} : { endpoint }),
      ...(known === null ? {} : { region: known }),
      // A store that is not AWS rarely has a host for each bucket.
      ...(forcePathStyle === null ? (endpoint === null ? {} : { forcePathStyle: true }) : { forcePathStyle }),
      ...(accessKeyId === null || secretAccessKey === null
        ? {}
        : { credentials: { accessKeyId, secretAccessKey, ...(sessionToken === null ? {} : { sessionToken }) } }),
      followRegionRedirects: true,
      retryMode: 'standard',
      maxAttempts: patient ? attempts : hastyAttempts,
      requestHandler: {
        connectionTimeout: connectTimeoutMs,
        requestTimeout: silenceMs,
        socketTimeout: silenceMs,
        throwOnRequestTimeout: true,
      },
    });
  const s3 = make(region);
  try {
    await s3.config.region();
    return { sdk, s3 };
  } catch {
    s3.destroy();
    return { sdk, s3: make(anyRegion) };
  }
}
