/** What the comment block above an instruction says of a name: the line `# NAME text`. */
export function descriptionOf(
  comments: readonly string[] | undefined,
  name: string | undefined,
): string | undefined {
  if (name === undefined) return undefined;
  return comments
    ?.find((line) => line.startsWith(`${name} `))
    ?.slice(name.length + 1)
    .trim();
}
