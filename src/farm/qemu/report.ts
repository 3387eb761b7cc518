import { type AgentReport, parseReport } from '../agent-report.js';
import type { Machine } from './machine.js';

/** Asks the agent in a machine what listens and runs there. @throws {Error} if it does not answer in time. */
export async function askReport(machine: Machine): Promise<AgentReport> {
  return parseReport((await machine.serial.ask('report')).join('\n'));
}
