import t from 'tap';
import { native } from '../../../src/native/addon.js';

t.test('the page size is a power of two', (t) => {
  t.ok(native.pageSize >= 4096);
  t.equal(native.pageSize & (native.pageSize - 1), 0);
  t.end();
});
