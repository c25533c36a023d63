"""`python -m tinycaps`: what this machine has."""
from .environment import environment, sgemm_rate


def main():
    """Print versions, processor, devices, the BLAS and its speed."""
    found = environment()
    found["sgemm"] = (f"{sgemm_rate():.0f} GFLOP/s, measured now: NumPy's product of two large "
                      "float32 matrices")
    width = max(map(len, found))
    for name, value in found.items():
        if value is None:
            value = "not installed"
        print(f"{name:{width}}  {', '.join(value) if isinstance(value, list) else value}")
    print("\nFrom a clone of the repository, python -m demos lists the demos.")


if __name__ == "__main__":
    main()
