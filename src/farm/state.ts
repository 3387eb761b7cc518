import { join } from 'node:path';

/** Where images and captures are, unless --state says otherwise. */
export const DEFAULT_STATE = '/var/lib/potemkin';

export const capturesFolder = (state: string): string => join(state, 'captures');

/** What says that export is stopped, while it is. */
export const STOP_FILE = 'export-stopped.json';

/** The frozen memory of an image. */
export const imageMemory = (state: string, image: string): string => join(state, 'images', image, 'memory');
