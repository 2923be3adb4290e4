/** Runs once before all test files; what it returns runs once after them. Servers that all files share start here. */
export default function setup(): () => void {
  return () => {};
}
