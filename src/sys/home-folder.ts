import { homedir } from 'node:os';

/**
 * The user's home: HOME, else what the machine knows of the user. In containers an id may have neither; the root is then
 * what Docker sets HOME to.
 */
export function homeFolder(environment: Readonly<Record<string, string | undefined>> = process.env): string {
  const named = environment['HOME'];
  if (named !== undefined && named !== '') return named;
  try {
    return homedir();
  } catch {
    return '/';
  }
}
