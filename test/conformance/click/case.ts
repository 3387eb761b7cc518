/** A text in Click's language, and what has to come of it: the flat graph's text, or else diagnostics. */
export interface Case {
  name: string;
  text: string;
  defines?: Record<string, string>;
  libraries?: Record<string, string>;
  /** The lines of the flat text that are not empty. */
  flat?: string[];
  /** All diagnostics. The file is called `f`. */
  errors?: string[];
}
