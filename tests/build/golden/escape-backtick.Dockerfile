# escape=`
# check=skip=JSONArgsRecommended
FROM mcr.microsoft.com/powershell:lts
SHELL ["pwsh", "-Command", "$ErrorActionPreference = 'Stop';"]
WORKDIR /app
COPY testfile.txt c:\\`
     other.txt /dest/
RUN Write-Host `$HOME ; `
    # comment
    Get-ChildItem C:\
CMD Write-Host hello
