/** What an overlay mount is made of: absolute host paths; `lowers` top first. */
export interface OverlaySource {
  readonly lowers: readonly string[];
  readonly upper: string;
  readonly work: string;
}
