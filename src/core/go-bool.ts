/** As Go's ParseBool, which BuildKit reads its own build args with. */
export function isGoTrue(text: string | undefined): boolean {
  return text !== undefined && ['1', 't', 'T', 'true', 'TRUE', 'True'].includes(text);
}
