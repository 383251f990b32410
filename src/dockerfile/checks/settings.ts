import { nearestName, TsbuildError, type SourceExcerpt } from '../../core/index.ts';
import { quote, trim } from '../characters.ts';
import { excerpt } from '../excerpt.ts';
import type { Dockerfile } from '../types.ts';

/** Which rules speak: `skip=A,B;error=true;experimental=all`. */
export interface CheckSettings {
  readonly skip: 'all' | ReadonlySet<string>;
  readonly experimental: 'all' | ReadonlySet<string>;
  /** Any finding fails the build. */
  readonly error: boolean;
}

/** Something odd about the settings themselves; no rule has found it, so none can skip it. */
export interface SettingsNote {
  readonly message: string;
  readonly at?: SourceExcerpt | undefined;
}

const none: CheckSettings = { skip: new Set(), experimental: new Set(), error: false };

/** The build arg goes before the file's `# check=` line, as a whole. */
export const settingsArg = 'BUILDKIT_DOCKERFILE_CHECK';

/** Throws USAGE for a malformed build arg, a located DOCKERFILE_SYNTAX for a malformed directive. */
export function settingsOf(dockerfile: Dockerfile, buildArgs: ReadonlyMap<string, string>): CheckSettings {
  const given = buildArgs.get(settingsArg);
  if (given !== undefined)
    return parseSettings(given, (why) => invalid('USAGE', `--build-arg ${settingsArg}: ${why}`));
  const written = dockerfile.directives.check;
  if (written === undefined) return none;
  return parseSettings(firstWord(written), (why) =>
    invalid('DOCKERFILE_SYNTAX', `check directive: ${why}`).locatedAt(directivePlace(dockerfile)),
  );
}

function invalid(code: 'USAGE' | 'DOCKERFILE_SYNTAX', message: string): TsbuildError {
  const hint = 'write skip=RULE,RULE;error=true;experimental=RULE, without blanks';
  return new TsbuildError(code, message, { hint });
}

/** What follows a blank is a remark. */
function firstWord(text: string): string {
  return text.split(' ', 1)[0] ?? '';
}

function directivePlace(dockerfile: Dockerfile): SourceExcerpt {
  const index = dockerfile.lines.findIndex((line) => /^\s*#\s*check\s*=/i.test(line));
  return excerpt(dockerfile, { startLine: index + 1, endLine: index + 1 });
}

function parseSettings(text: string, fail: (why: string) => TsbuildError): CheckSettings {
  let settings = none;
  if (trim(text) === '') return settings;
  for (const part of text.split(';')) {
    const equals = part.indexOf('=');
    const [name, value] = [trim(part.slice(0, Math.max(equals, 0))), trim(part.slice(equals + 1))];
    if (equals < 0) throw fail(`invalid option ${quote(part)}`);
    if (name === 'skip') settings = { ...settings, skip: rulesOf(value) };
    else if (name === 'experimental') settings = { ...settings, experimental: rulesOf(value) };
    else if (name === 'error') {
      if (!/^(?:[01tTfF]|true|True|TRUE|false|False|FALSE)$/.test(value)) {
        throw fail(`invalid value ${quote(value)} of the option error`);
      }
      settings = { ...settings, error: /^[1tT]/.test(value) };
    } else throw fail(`unknown option ${quote(name)}`);
  }
  return settings;
}

function rulesOf(value: string): 'all' | ReadonlySet<string> {
  return value === 'all'
    ? value
    : new Set(
        value
          .split(',')
          .map(trim)
          .filter((name) => name !== ''),
      );
}

/** `check=…` among the comments above an instruction; only the first counts. Undefined also when it is malformed. */
export function commentSettings(comments: readonly string[] | undefined): CheckSettings | undefined {
  const text = comments?.map(checkComment).find((found) => found !== undefined);
  if (text === undefined) return undefined;
  try {
    return parseSettings(text, (why) => invalid('DOCKERFILE_SYNTAX', why));
  } catch {
    return undefined;
  }
}

/** The value of a comment line `check=…`. */
export function checkComment(comment: string): string | undefined {
  const value = /^check\s*=\s*(\S.*)$/i.exec(comment)?.[1];
  return value === undefined ? undefined : firstWord(value);
}

/** `skip=all` does not reach experimental rules, which speak only when they are asked to. */
export function isActive(
  rule: { readonly name: string; readonly experimental?: boolean },
  settings: CheckSettings,
): boolean {
  if (settings.skip !== 'all' && settings.skip.has(rule.name)) return false;
  if (rule.experimental !== true) return settings.skip !== 'all';
  return settings.experimental === 'all' || settings.experimental.has(rule.name);
}

/** Rule names that do not exist, and comments that cannot be read: both would be without effect in silence. */
export function settingsNotes(
  dockerfile: Dockerfile,
  buildArgs: ReadonlyMap<string, string>,
  rules: readonly string[],
): readonly SettingsNote[] {
  const settings = settingsOf(dockerfile, buildArgs);
  const isDirective = dockerfile.directives.check !== undefined && !buildArgs.has(settingsArg);
  const at = isDirective ? directivePlace(dockerfile) : undefined;
  const notes: SettingsNote[] = unknownRules(settings, rules).map((message) => ({ message, at }));
  for (const { comments, range } of instructionsOf(dockerfile)) {
    const text = comments?.map(checkComment).find((found) => found !== undefined);
    if (text === undefined) continue;
    const here = excerpt(dockerfile, { startLine: range.startLine, endLine: range.startLine });
    const parsed = commentSettings(comments);
    if (parsed === undefined)
      notes.push({ message: `the comment check=${text} cannot be read and has no effect`, at: here });
    else notes.push(...unknownRules(parsed, rules).map((message) => ({ message, at: here })));
  }
  return notes;
}

function instructionsOf(dockerfile: Dockerfile) {
  return [
    ...dockerfile.globalArgs,
    ...dockerfile.stages.flatMap((stage) => [stage.from, ...stage.instructions]),
  ];
}

function unknownRules(settings: CheckSettings, rules: readonly string[]): readonly string[] {
  const named = [settings.skip, settings.experimental].flatMap((set) => (set === 'all' ? [] : [...set]));
  return named
    .filter((name) => !rules.includes(name))
    .map((name) => {
      const near = nearestName(name, [...rules, 'all']);
      return `unknown build check ${quote(name)}${near === undefined ? '' : `, did you mean ${near}?`}`;
    });
}
