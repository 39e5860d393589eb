#include "tensor/gemv.h"

#include <cblas.h>

#include "par/meter.h"

void gemv(const float *w, int in, int out, const float *x, float *y)
{
    enum meter_phase before = meter_enter(METER_PRODUCTS);

    cblas_sgemv(CblasRowMajor, CblasTrans, in, out, 1.0f, w, out, x, 1, 0.0f, y,
                1);
    meter_enter(before);
}
