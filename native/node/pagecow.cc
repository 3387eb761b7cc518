// Node-API side of the copy-on-write memory pool. Nothing here hands out memory of the pool: bytes are copied
// into and from arrays that JavaScript owns.
#include "pagecow.h"

#include <unistd.h>

#include <algorithm>
#include <new>
#include <optional>
#include <system_error>
#include <type_traits>

#include "node/args.h"
#include "node/parts.h"

namespace potemkin {
namespace {

using Info = Napi::CallbackInfo;

uint32_t TakeNumber(const Napi::Value& value, const char* name) {
  return static_cast<uint32_t>(TakeInteger(value, name, UINT32_MAX));
}

std::span<uint32_t> BorrowNumbers(const Napi::Value& value, const char* name) {
  return BorrowArray<uint32_t>(value, name, napi_uint32_array);
}

Napi::Value Number(Napi::Env env, uint64_t value) {
  return Napi::Number::New(env, static_cast<double>(value));
}

Napi::Value Ranges(Napi::Env env, const std::vector<uint32_t>& ranges) {
  auto array = Napi::Uint32Array::New(env, ranges.size());
  std::copy(ranges.begin(), ranges.end(), array.Data());
  return array;
}

// new PagePool(budget, cap, clones, scan, makeError). Every method but close() throws what makeError(code,
// message, index) returns when the pool refuses, and a TypeError or RangeError when an argument makes no
// sense.
class PagePoolObject : public Napi::ObjectWrap<PagePoolObject> {
 public:
  static Napi::Function Class(Napi::Env env) {
    return DefineClass(env, "PagePool",
                       {
                           InstanceMethod<&PagePoolObject::Call<&PagePoolObject::CreateImage>>("createImage"),
                           InstanceMethod<&PagePoolObject::Call<&PagePoolObject::AdoptImage>>("adoptImage"),
                           InstanceMethod<&PagePoolObject::Call<&PagePoolObject::ReadImage>>("readImage"),
                           InstanceMethod<&PagePoolObject::Call<&PagePoolObject::WriteImage>>("writeImage"),
                           InstanceMethod<&PagePoolObject::Call<&PagePoolObject::SealImage>>("sealImage"),
                           InstanceMethod<&PagePoolObject::Call<&PagePoolObject::ImageSize>>("imageSize"),
                           InstanceMethod<&PagePoolObject::Call<&PagePoolObject::ImageSealed>>("imageSealed"),
                           InstanceMethod<&PagePoolObject::Call<&PagePoolObject::ImageFd>>("imageFd"),
                           InstanceMethod<&PagePoolObject::Call<&PagePoolObject::CloseImage>>("closeImage"),
                           InstanceMethod<&PagePoolObject::Call<&PagePoolObject::Clone>>("clone"),
                           InstanceMethod<&PagePoolObject::Call<&PagePoolObject::CloseClone>>("closeClone"),
                           InstanceMethod<&PagePoolObject::Call<&PagePoolObject::Read>>("read"),
                           InstanceMethod<&PagePoolObject::Call<&PagePoolObject::Write>>("write"),
                           InstanceMethod<&PagePoolObject::Call<&PagePoolObject::Touch>>("touch"),
                           InstanceMethod<&PagePoolObject::Call<&PagePoolObject::Gather>>("gather"),
                           InstanceMethod<&PagePoolObject::Call<&PagePoolObject::Scatter>>("scatter"),
                           InstanceMethod<&PagePoolObject::Call<&PagePoolObject::Reset>>("reset"),
                           InstanceMethod<&PagePoolObject::Call<&PagePoolObject::Measure>>("measure"),
                           InstanceMethod<&PagePoolObject::Call<&PagePoolObject::MeasureAll>>("measureAll"),
                           InstanceMethod<&PagePoolObject::Call<&PagePoolObject::DirtyRanges>>("dirtyRanges"),
                           InstanceMethod<&PagePoolObject::Call<&PagePoolObject::Diff>>("diff"),
                           InstanceMethod<&PagePoolObject::Call<&PagePoolObject::Delta>>("delta"),
                           InstanceMethod<&PagePoolObject::Call<&PagePoolObject::Changes>>("changes"),
                           InstanceMethod<&PagePoolObject::Call<&PagePoolObject::Accounts>>("accounts"),
                           InstanceMethod<&PagePoolObject::Close>("close"),
                       });
  }

  explicit PagePoolObject(const Info& info) : Napi::ObjectWrap<PagePoolObject>(info) {
    if (!info[4].IsFunction()) throw Napi::TypeError::New(info.Env(), "makeError must be a function");
    make_error_ = Napi::Persistent(info[4].As<Napi::Function>());
    const PoolLimits limits{TakeInteger(info[0], "budget"), TakeInteger(info[1], "cap"),
                            TakeInteger(info[2], "clones")};
    const auto method = static_cast<ScanMethod>(TakeInteger(info[3], "scan", 2));
    Guard(info.Env(), [&] { pool_.emplace(limits, method); });
  }

 private:
  // Runs call() and turns C++ failures into the JavaScript errors that makeError makes.
  template <typename Body>
  std::invoke_result_t<Body> Guard(Napi::Env env, Body body) {
    try {
      return body();
    } catch (const PoolFailure& failure) {
      throw MakeError(env, failure.code, failure.what(), failure.index);
    } catch (const std::system_error& error) {
      throw MakeError(env, pool::kSystem, error.what(), std::nullopt);
    } catch (const std::bad_alloc&) {
      throw MakeError(env, pool::kSystem, "out of memory", std::nullopt);
    }
  }

  Napi::Error MakeError(Napi::Env env, const char* code, const char* message, std::optional<size_t> index) {
    const Napi::Value number = index ? Number(env, *index) : env.Undefined();
    return {env, make_error_.Call({Napi::String::New(env, code), Napi::String::New(env, message), number})};
  }

  template <auto kMethod>
  Napi::Value Call(const Info& info) {
    return Guard(info.Env(), [&]() -> Napi::Value {
      if (!pool_) throw PoolFailure(pool::kClosed, "the pool is closed");
      if constexpr (std::is_void_v<decltype((this->*kMethod)(info))>) {
        (this->*kMethod)(info);
        return info.Env().Undefined();
      } else {
        return (this->*kMethod)(info);
      }
    });
  }

  ReferenceImage& Image(const Info& info) { return pool_->Image(TakeNumber(info[0], "image")); }

  Napi::Value CreateImage(const Info& info) {
    return Number(info.Env(), pool_->AddImage(ReferenceImage::Create(TakeInteger(info[0], "size"))));
  }
  Napi::Value AdoptImage(const Info& info) {
    const auto fd = static_cast<int>(TakeInteger(info[0], "fd", INT32_MAX));
    return Number(info.Env(), pool_->AddImage(ReferenceImage::Adopt(fd)));
  }
  void ReadImage(const Info& info) {
    Image(info).Read(TakeInteger(info[1], "offset"), BorrowBytes(info[2], "into"));
  }
  void WriteImage(const Info& info) {
    Image(info).Write(TakeInteger(info[1], "offset"), BorrowBytes(info[2], "from"));
  }
  void SealImage(const Info& info) { Image(info).Seal(); }
  Napi::Value ImageSize(const Info& info) { return Number(info.Env(), Image(info).size()); }
  Napi::Value ImageSealed(const Info& info) { return Napi::Boolean::New(info.Env(), Image(info).sealed()); }
  Napi::Value ImageFd(const Info& info) { return Napi::Number::New(info.Env(), Image(info).fd()); }
  void CloseImage(const Info& info) { pool_->CloseImage(TakeNumber(info[0], "image")); }

  Napi::Value Clone(const Info& info) {
    return Number(info.Env(), pool_->Clone(TakeNumber(info[0], "image")));
  }
  void CloseClone(const Info& info) { pool_->CloseClone(TakeNumber(info[0], "clone")); }
  void Read(const Info& info) {
    pool_->Read(TakeNumber(info[0], "clone"), TakeInteger(info[1], "offset"), BorrowBytes(info[2], "into"));
  }
  void Write(const Info& info) {
    pool_->Write(TakeNumber(info[0], "clone"), TakeInteger(info[1], "offset"), BorrowBytes(info[2], "from"));
  }
  void Touch(const Info& info) {
    pool_->Touch(TakeNumber(info[0], "clone"), BorrowNumbers(info[1], "pages"));
  }
  void Gather(const Info& info) {
    pool_->Gather(BorrowNumbers(info[0], "clones"),
                  BorrowArray<double>(info[1], "offsets", napi_float64_array), TakeInteger(info[2], "length"),
                  BorrowBytes(info[3], "into"));
  }
  void Scatter(const Info& info) {
    pool_->Scatter(BorrowNumbers(info[0], "clones"),
                   BorrowArray<double>(info[1], "offsets", napi_float64_array),
                   TakeInteger(info[2], "length"), BorrowBytes(info[3], "from"));
  }
  void Reset(const Info& info) { pool_->Reset(TakeNumber(info[0], "clone")); }
  void Measure(const Info& info) { pool_->Measure(TakeNumber(info[0], "clone")); }
  void MeasureAll(const Info& /*info*/) { pool_->MeasureAll(); }
  Napi::Value DirtyRanges(const Info& info) {
    return Ranges(info.Env(), pool_->DirtyRanges(TakeNumber(info[0], "clone")));
  }
  Napi::Value Diff(const Info& info) {
    return Ranges(info.Env(), pool_->Diff(TakeNumber(info[0], "one"), TakeNumber(info[1], "other")));
  }
  Napi::Value Delta(const Info& info) {
    return Number(info.Env(), pool_->DeltaOf(TakeNumber(info[0], "clone")));
  }
  Napi::Value Changes(const Info& info) {
    return Number(info.Env(), pool_->ChangesOf(TakeNumber(info[0], "clone")));
  }
  Napi::Value Accounts(const Info& info) {
    const PoolAccounts accounts = pool_->Accounts();
    auto object = Napi::Object::New(info.Env());
    object.Set("clones", Number(info.Env(), accounts.clones));
    object.Set("delta", Number(info.Env(), accounts.delta));
    object.Set("tables", Number(info.Env(), accounts.tables));
    object.Set("reference", Number(info.Env(), accounts.reference));
    return object;
  }
  void Close(const Info& /*info*/) { pool_.reset(); }

  std::optional<PagePool> pool_;
  Napi::FunctionReference make_error_;
};

}  // namespace

void InitPagecow(Napi::Env env, Napi::Object exports) {
  exports.Set("pageSize", Number(env, static_cast<uint64_t>(::sysconf(_SC_PAGESIZE))));
  exports.Set("PagePool", PagePoolObject::Class(env));
}

}  // namespace potemkin
