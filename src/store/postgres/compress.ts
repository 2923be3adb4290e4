/** The bytes of planned files, while they wait: brotli at its fastest. */
import { brotliCompressSync, brotliDecompressSync, constants } from 'node:zlib';

const fastest = { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } };

export function compress(bytes: Uint8Array): Uint8Array {
  return brotliCompressSync(bytes, fastest);
}

export function decompress(bytes: Uint8Array): Uint8Array {
  return brotliDecompressSync(bytes);
}
