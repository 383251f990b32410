/** runtime-spec config.md, "POSIX-platform Hooks"; in the order in which they run. */
export const hookStages = [
  'prestart',
  'createRuntime',
  'createContainer',
  'startContainer',
  'poststart',
  'poststop',
] as const;
