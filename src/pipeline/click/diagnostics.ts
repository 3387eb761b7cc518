export interface Position {
  file: string;
  line: number;
  column: number;
}
export interface Diagnostic {
  position: Position;
  severity: 'error' | 'warning';
  message: string;
}
export declare function formatDiagnostic(d: Diagnostic): string;
