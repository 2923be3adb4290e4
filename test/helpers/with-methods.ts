/** The same object with some methods of ours. */
export function withMethods<T extends object>(of: T, methods: Partial<T>): T {
  return new Proxy(of, {
    get(target, name) {
      const own = Reflect.get(methods, name) as unknown;
      if (own !== undefined) return own;
      const value = Reflect.get(target, name) as unknown;
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}
