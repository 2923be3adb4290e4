/**
 * What is used of the AWS SDK. Imported when the first request is made, so that a pipeline on files loads nothing of it:
 * the build makes a bundle of its own of this file (scripts/build.mjs).
 */
export {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
