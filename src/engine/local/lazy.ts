/** Made when it is first needed, once; after a failure, again. */
export class Lazy<T> {
  made: Promise<T> | null = null;
  readonly #make: () => Promise<T>;

  constructor(make: () => Promise<T>) {
    this.#make = make;
  }

  get = (): Promise<T> => {
    this.made ??= this.#make().catch((error: unknown) => {
      this.made = null;
      throw error;
    });
    return this.made;
  };
}
