/** The keys of the bucket, in byte order: a folder a day, 10,000 chunks in it. */
const chunksADay = 10_000;

export function keyAt(i: number): string {
  const day = String(Math.floor(i / chunksADay)).padStart(5, '0');
  return `day-${day}/chunk_${String(i % chunksADay).padStart(4, '0')}.csv`;
}

/** As an ETag. */
export function versionAt(i: number): string {
  return i.toString(16).padStart(32, '0');
}
